import { BUILT_IN_TABLES } from '@arfuse/thresholds';
import { describe, expect, it } from 'vitest';
import {
  type EngineQuestion,
  type EngineSettings,
  type LimitRow,
  openEngine,
  type SiteClass,
} from '../../src/index.ts';
import { planOf } from '../plan-of.ts';

// The limits tables that are published and the facts that the emulation runs on were written apart, each from the source.
const HIDDEN = 8;
const ROW_BYTES = HIDDEN * 2;

function rowsOf(name: string): readonly LimitRow[] {
  const table = BUILT_IN_TABLES.find((one) => one.name === `@arfuse/thresholds/${name}`);
  if (table?.kind !== 'limits') throw new Error(`no limits table ${name}`);
  return table.rows.filter(({ key }) => key.dtype === 'bf16');
}

const fused: SiteClass = planOf([{ chain: 'ar_add_rms', hidden: HIDDEN }]).classes[0]!;
const plain: EngineQuestion['site'] = {
  ...fused,
  pattern: 'all_reduce',
  stages: [{ kind: 'all_reduce' }],
  outputs: ['all_reduce'],
};

/** The kernel that the engine takes for the all-reduce of so many tokens in the row's situation. */
function kernelAt(
  id: string,
  { key }: LimitRow,
  tokens: number,
  settings: Partial<EngineSettings>,
): string {
  const group = { size: key.groupSize, nodes: 1 };
  const question: EngineQuestion = {
    site: key.pattern === 'all_reduce' ? plain : fused,
    target: {
      sku: 'h200-sxm',
      capability: key.capability,
      interconnect: 'nvlink-switch',
      multicast: key.multicast ?? true,
      groups: { default: group },
      tokens: { max: 2 ** 24, buckets: [], graphUpTo: 512 },
      libraries: {},
    },
    group,
    groupName: 'tp:0',
    tokens,
    mode: key.mode,
  };
  return openEngine(id, settings).today(question).steps[0]!.kernel;
}

const tokensOf = ({ unit }: LimitRow, limit: number): number =>
  unit === 'tokens' ? limit : Math.floor(limit / ROW_BYTES);

/** First and last row count that a limit admits. */
function ends(row: LimitRow): [number, number] {
  const from = tokensOf(row, row.min);
  const to = tokensOf(row, row.max);
  const exact = row.unit === 'tokens' || row.max % ROW_BYTES === 0;
  return [
    Math.max(1, row.minInclusive === false || row.min % ROW_BYTES > 0 ? from + 1 : from),
    row.maxInclusive === false && exact ? to - 1 : to,
  ];
}

describe('limits tables and emulated engines', () => {
  it('agree on SGLang 0.5.23, at both ends of every row', () => {
    const rows = rowsOf('sglang-0.5.23').filter(({ key }) => key.pattern === 'all_reduce');
    expect(rows.length).toBeGreaterThan(150);
    for (const row of rows) {
      // The flags under which nothing stands before the custom all-reduce.
      const settings = { config: { 'enforce-disable-flashinfer-allreduce-fusion': 'true' } };
      for (const tokens of ends(row)) {
        const what = `${JSON.stringify(row.key)} ${tokens}`;
        expect([kernelAt('sglang@0.5.23', row, tokens, settings)], what).toEqual(row.kernels);
      }
      const [, last] = ends(row);
      const after = kernelAt('sglang@0.5.23', row, last + 1, settings);
      expect(after, JSON.stringify(row)).not.toBe(row.kernels[0]);
    }
  });

  it('agree on the fused forms of vLLM 0.33, at both ends of every row', () => {
    const rows = rowsOf('vllm-0.33').filter(({ key }) => key.pattern === 'ar_add_rms');
    expect(rows.length).toBeGreaterThan(20);
    const env = { VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm' };
    for (const row of rows) {
      for (const tokens of ends(row)) {
        const what = `${JSON.stringify(row.key)} ${tokens}`;
        expect([kernelAt('vllm@0.33', row, tokens, { env })], what).toEqual(row.kernels);
      }
    }
  });

  it('agree on the plain all-reduces of vLLM 0.33', () => {
    const rows = rowsOf('vllm-plain-0.33');
    expect(rows.length).toBeGreaterThan(30);
    for (const row of rows) {
      const custom = row.kernels[0] === 'vllm/custom-all-reduce';
      const env = { VLLM_ALLREDUCE_USE_FLASHINFER: '0' };
      const config: Record<string, string> = custom ? {} : { 'disable-custom-all-reduce': 'true' };
      const [first, last] = ends(row);
      // The emulation also says which stage count the custom kernel picks, the table does not.
      const kernel = (tokens: number): string =>
        kernelAt('vllm@0.33', row, tokens, { env, config }).replace(/-(one|two)-stage$/, '');
      for (const tokens of [first, last]) {
        const what = `${JSON.stringify(row.key)} ${row.kernels} ${tokens}`;
        expect([kernel(tokens)], what).toEqual(row.kernels);
      }
      expect(kernel(last + 1)).not.toBe(row.kernels[0]);
    }
  });
});
