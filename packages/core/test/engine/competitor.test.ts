import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import {
  defaultPolicy,
  describeFailures,
  explain,
  firstOf,
  openEngine,
  type Plan,
  type PlanOptions,
  parsePlan,
  plan,
  planHash,
  prefer,
  printPlan,
  readGraph,
  UnsupportedError,
  UsageError,
  verify,
} from '../../src/index.ts';
import { ISSUE_44079 } from './tables.ts';

const FIXTURES = new URL('../../../../fixtures/graphs/', import.meta.url);
const graphOf = async (model: string) =>
  (await readGraph(new URL(`${model}.tp2.fx.txt.gz`, FIXTURES))).programs[0]!.graph;
const llama = await graphOf('llama3-8b');

const EIGHT = 'h200-sxm,world=8,multicast=on,tokens=4096';
/** What the reporter of issue 44079 ran: FlashInfer's all-reduce off, its trtllm kernels. */
const REPORTED = {
  VLLM_ALLREDUCE_USE_FLASHINFER: '0',
  VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm',
};

const planned = (options: Partial<PlanOptions> = {}): Plan =>
  plan(llama, {
    target: EIGHT,
    use: [flashinfer(), symmMem()],
    tables: [ISSUE_44079],
    engine: 'vllm@0.33',
    engineSettings: { env: REPORTED },
    ...options,
  });

const kernelsAt = ({ decisions }: Plan, tokens: number): string =>
  decisions[0]!.segments
    .find(({ tokens: [min, max] }) => min <= tokens && tokens <= max)!
    .steps.map(({ kernel }) => kernel)
    .join(' + ');

describe('a plan for an engine', () => {
  it('lets fused kernels win only against what the engine dispatches at that size', () => {
    const made = planned();
    // 256 KiB are 32 rows. Below, one-shot beats the custom all-reduce; above, multimem beats one-shot.
    expect(kernelsAt(made, 16)).toBe('@arfuse/flashinfer/one-shot');
    expect(kernelsAt(made, 40)).toBe('torch/multimem + vllm/norm');
    expect(kernelsAt(made, 64)).toBe('torch/multimem + vllm/norm');
    const off = planned({
      engineSettings: { env: { ...REPORTED, VLLM_ALLREDUCE_USE_SYMM_MEM: '0' } },
    });
    expect(kernelsAt(off, 64)).toBe('@arfuse/flashinfer/one-shot');
  });

  it('has no other unfused candidate than the engine itself', () => {
    const { candidates } = planned().decisions[0]!;
    const unfused = candidates.filter(({ name }) => name.includes('@arfuse/native/norm'));
    expect(unfused.length).toBeGreaterThan(2);
    for (const { fate, name, reasons } of unfused) {
      if (name.startsWith('@arfuse/flashinfer')) continue;
      expect(fate, name).toBe('refused');
      expect(reasons.join(' ')).toMatch(/vllm@0\.33 picks its own kernel|needs|serves/);
    }
  });

  it('keeps what the engine does where nothing is measured for both sides', () => {
    const made = planned({ tables: [] });
    for (const [id, { segments }] of made.decisions.map((d) => [d.class, d] as const)) {
      const today = made.engine!.today.find((entry) => entry.class === id)!;
      for (const { tokens, evidence, reason, steps } of segments) {
        if (evidence.kind !== 'static') continue;
        expect(reason).toMatch(
          /^Nothing is measured for both sides, so it stays as vllm@0\.33 dispatches it: /,
        );
        const same = today.segments.find(
          ({ tokens: [min, max] }) => min <= tokens[1] && tokens[1] <= max,
        )!;
        expect(steps[0]!.kernel).toBe(same.steps[0]!.kernel);
      }
    }
  });

  it('cuts segments exactly at the boundaries of the engine', () => {
    const eager = plan(llama, {
      target: `${EIGHT},buckets=none`,
      use: [flashinfer()],
      engine: 'vllm@0.33',
      engineSettings: { env: REPORTED },
    });
    const { segments } = eager.engine!.today.find(({ class: id }) => id === 'c0')!;
    expect(segments.map(({ tokens, steps }) => [tokens, steps[0]!.kernel])).toEqual([
      [[1, 64], '@arfuse/flashinfer/one-shot'],
      [[65, 4096], 'torch/multimem'],
    ]);
    const starts = eager.decisions[0]!.segments.map(({ tokens }) => tokens[0]);
    expect(starts).toContain(65);
  });

  it('offers a fused kernel of the engine that no backend has', () => {
    const made = plan(llama, { target: EIGHT, use: [flashinfer()], engine: 'vllm@0.33' });
    expect(kernelsAt(made, 8)).toBe('flashinfer/mnnvl-one-shot');
    expect(
      made.decisions[0]!.candidates.find(({ name }) => name === 'flashinfer/mnnvl-one-shot'),
    ).toMatchObject({ fate: 'chosen' });
  });

  it('obeys explicit rules all the same', () => {
    const made = planned({
      policy: firstOf(prefer('@arfuse/flashinfer/one-shot'), defaultPolicy()),
    });
    expect(kernelsAt(made, 64)).toBe('@arfuse/flashinfer/one-shot');
  });

  it('says site by site what its matcher does', () => {
    const { engine, summary } = planned();
    expect(summary.engineFused).toBe(64);
    expect(engine!.sites).toHaveLength(64);
    expect(engine!.sites[0]).toMatchObject({
      site: 's0',
      fused: true,
      pattern: 'AllReduceFusedAddRMSNormPattern',
    });
    expect(engine!.release).toBe('0.33.0');
    expect(engine!.settings.env).toEqual(REPORTED);
  });

  it('runs merged expert partials as the engine has them: two all-reduces', async () => {
    const deepseek = await graphOf('deepseek-v2-lite');
    const made = plan(deepseek, { target: EIGHT, use: [flashinfer()], engine: 'vllm@0.33' });
    const merged = made.classes.find(({ stages }) => stages[0]!.kind === 'merge')!;
    expect(
      made.engine!.sites.find(
        ({ site }) => made.sites.find(({ id }) => id === site)!.class === merged.id,
      ),
    ).toMatchObject({
      fused: false,
      reasons: ['it sums two all-reduces; vLLM has no pattern for that.'],
    });
    const [first] = made.engine!.today.find(({ class: id }) => id === merged.id)!.segments;
    expect(first!.steps.map(({ covers }) => covers)).toEqual([
      ['all_reduce'],
      ['all_reduce'],
      ['merge', 'residual', 'norm'],
    ]);
    expect(describeFailures(verify(made, { graph: deepseek, tokens: [3] }))).toEqual([]);
  });

  it('is proven as every plan is', () => {
    const made = planned();
    expect(describeFailures(verify(made, { graph: llama, tokens: [3, 48] }))).toEqual([]);
  });

  it('survives print and parse, and gives the same bytes again', () => {
    const made = planned();
    expect(parsePlan(printPlan(made))).toEqual(made);
    expect(printPlan(planned())).toBe(printPlan(made));
    expect(() =>
      parsePlan(printPlan({ ...made, engine: { ...made.engine!, release: 33 as never } })),
    ).toThrow(/engine\/release/);
  });

  it('has a hash of what it decides: the engine and the steps, not what is said about them', () => {
    const made = planned();
    const { engine: _, ...bare } = made;
    expect(planHash(bare as Plan)).toBe(made.hash);
    expect(planned({ engine: undefined, engineSettings: undefined }).hash).not.toBe(made.hash);
  });

  it('opens the engine that the target names, and refuses what is not known', () => {
    const named = plan(llama, { target: `${EIGHT},engine=vllm@0.33`, use: [flashinfer()] });
    expect(named.engine!.id).toBe('vllm@0.33');
    const opened = plan(llama, {
      target: EIGHT,
      use: [flashinfer()],
      engine: openEngine('vllm@0.32'),
    });
    expect(opened.target.engine).toBe('vllm@0.32');
    expect(() => planned({ engine: 'vllm@0.30' })).toThrow(UnsupportedError);
    expect(() => plan(llama, { target: EIGHT, engineSettings: { env: REPORTED } })).toThrow(
      UsageError,
    );
    expect(() => planned({ engine: openEngine('vllm@0.33') })).toThrow(/was opened with its own/);
  });

  it('is explained', () => {
    const text = explain(planned(), { site: 's0' });
    expect(text).toContain('vllm/norm');
    expect(text).toMatch(
      / {2}vllm@0\.33 by itself\n {4}pattern \w+\n {4}1–64 \(graph\): @arfuse\/flashinfer\/one-shot: fused/,
    );
  });
});
