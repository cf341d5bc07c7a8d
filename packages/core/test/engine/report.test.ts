import { flashinfer } from '@arfuse/flashinfer';
import { describe, expect, it } from 'vitest';
import {
  type EngineReport,
  type EngineReportOptions,
  type EngineSettings,
  engineReport,
  PlanError,
  plan,
  readGraph,
  UsageError,
} from '../../src/index.ts';
import { ISSUE_44079 } from './tables.ts';

const FIXTURES = new URL('../../../../fixtures/graphs/', import.meta.url);
const { programs } = await readGraph(new URL('llama3-8b.tp2.fx.txt.gz', FIXTURES));
const llama = programs[0]!.graph;
const EIGHT = 'h200-sxm,world=8,multicast=on';
const REPORTED = {
  VLLM_ALLREDUCE_USE_FLASHINFER: '0',
  VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm',
};
const MIX = [8, 16, 32, 40, 48, 64].map((tokens) => ({ tokens, weight: 1 }));

function report(
  settings: Partial<EngineSettings>,
  options: EngineReportOptions = { mix: MIX, tables: [ISSUE_44079] },
  target = EIGHT,
): EngineReport {
  const made = plan(llama, {
    target,
    use: [flashinfer()],
    tables: options.tables ?? [],
    engine: 'vllm@0.33',
    engineSettings: settings,
  });
  return engineReport(made, options);
}

describe('engineReport', () => {
  it('advises 0.25 MiB in place of 0.5 on eight H200 with multicast, and shows 1.9 to 4.3 µs per op (vLLM #44079)', () => {
    const { advice, launches, total } = report({ env: REPORTED });
    expect(advice!.changes).toEqual([
      expect.objectContaining({
        where: 'config',
        name: 'pass_config.fi_allreduce_fusion_max_size_mb',
        from: '0.5',
        to: '0.25',
      }),
    ]);
    const saved = new Map(
      advice!.perOp
        .filter((entry) => entry.class === 'c0')
        .map((entry) => [entry.tokens, entry.savedUs]),
    );
    expect([...saved.keys()]).toEqual([40, 48, 64]);
    for (const us of saved.values()) expect(us).toBeGreaterThan(1.9);
    expect(saved.get(64)).toBeCloseTo(4.3, 6);
    const at64 = launches.find(({ tokens }) => tokens === 64)!;
    expect(at64.todayUs! - at64.advisedUs!).toBeCloseTo(4.3 * 64, 6);
    expect(at64.parts[0]).toMatchObject({
      ops: 63,
      today: { kernels: ['@arfuse/flashinfer/one-shot'], us: 19 },
      best: { kernels: ['torch/multimem', 'vllm/norm'], us: 14.7 },
    });
    expect(at64.parts[0]!.best.evidence).toMatchObject({
      kind: 'measured',
      table: '@made-up/vllm-44079@1.0.0',
    });
    expect(total.compared).toEqual([6, 6]);
    expect(advice!.savedUs).toBeCloseTo(total.todayUs! - total.advisedUs!, 6);
  });

  it('shows 1.9 µs at the first row count above 256 KiB', () => {
    const { advice } = report(
      { env: REPORTED },
      { mix: [{ tokens: 33, weight: 1 }], tables: [ISSUE_44079] },
      `${EIGHT},buckets=1:16:32:33:64`,
    );
    expect(advice!.perOp[0]!.savedUs).toBeCloseTo(1.9, 6);
  });

  it('keeps 0.5 MiB with symmetric memory off, and without multicast', () => {
    expect(report({ env: { ...REPORTED, VLLM_ALLREDUCE_USE_SYMM_MEM: '0' } }).advice).toBeNull();
    // Rows of a box with multicast say nothing about one without.
    expect(report({ env: REPORTED }, undefined, 'h200-sxm,world=8').advice).toBeNull();
  });

  it('advises nothing that would put a launch on kernels without a time', () => {
    const { advice, missing, launches } = report({});
    expect(advice).toBeNull();
    expect(launches.every(({ todayUs }) => todayUs === null)).toBe(true);
    expect(missing).toContainEqual(
      expect.objectContaining({
        kernels: ['flashinfer/mnnvl-one-shot'],
        pattern: 'ar_add_rms',
        hidden: 4096,
        sku: 'h200-sxm',
        groupSize: 8,
        multicast: true,
        classes: ['c0', 'c1'],
        tokens: [8, 16],
      }),
    );
  });

  it('leaves alone what the user set, and gains within the margin', () => {
    const fixed = report({
      env: REPORTED,
      config: { 'pass_config.fi_allreduce_fusion_max_size_mb': '0.5' },
    });
    expect(fixed.advice?.changes.map(({ name }) => name) ?? []).not.toContain(
      'pass_config.fi_allreduce_fusion_max_size_mb',
    );
    const close = ISSUE_44079.rows.map((row) =>
      row.kernels[0] === 'torch/multimem'
        ? { ...row, medianUs: row.tokens > 32 ? (row.tokens === 33 ? 13.3 : 18.9) : row.medianUs }
        : row,
    );
    expect(
      report({ env: REPORTED }, { mix: MIX, tables: [{ ...ISSUE_44079, rows: close }] }).advice,
    ).toBeNull();
  });

  it('weighs launches by the mix', () => {
    const rare = report(
      { env: REPORTED },
      {
        mix: [
          { tokens: 8, weight: 999 },
          { tokens: 64, weight: 1 },
        ],
        tables: [ISSUE_44079],
      },
    );
    expect(rare.advice!.savedUs).toBeCloseTo((4.3 * 64) / 1000, 6);
    expect(rare.launches.map(({ share }) => share)).toEqual([0.999, 0.001]);
  });

  it('looks at every bucket without a mix, and beyond the last', () => {
    const { launches } = report({ env: REPORTED }, { tables: [ISSUE_44079] });
    const tokens = launches.map((launch) => launch.tokens);
    expect(tokens.slice(0, 4)).toEqual([1, 2, 4, 8]);
    expect(tokens.slice(-4)).toEqual([1024, 2048, 4096, 8192]);
    expect(launches.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
  });

  it('is the same every time', () => {
    expect(JSON.stringify(report({ env: REPORTED }))).toBe(
      JSON.stringify(report({ env: REPORTED })),
    );
  });

  it('refuses a plan without an engine, and a mix outside of the token domain', () => {
    const bare = plan(llama, { target: EIGHT, use: [flashinfer()] });
    expect(() => engineReport(bare)).toThrow(PlanError);
    const made = plan(llama, { target: EIGHT, engine: 'vllm@0.33' });
    for (const mix of [
      [{ tokens: 9000, weight: 1 }],
      [{ tokens: 1, weight: 0 }],
      [{ tokens: 1.5, weight: 1 }],
    ])
      expect(() => engineReport(made, { mix })).toThrow(UsageError);
  });

  it('finds that 64 MiB is too high on two H200: NCCL and a norm win at 128 MiB', () => {
    const { launches } = report({}, { mix: [{ tokens: 8192, weight: 1 }] }, 'h200-sxm,world=2');
    const [part] = launches[0]!.parts;
    expect(part!.today.kernels).toEqual(['@arfuse/flashinfer/two-shot']);
    expect(part!.today.us).toBeCloseTo(317.74, 2);
  });
});
