import { TableError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import {
  diffTables,
  h200Sxm2x,
  requireVersionStep,
  tableDecisions,
  vllm033,
} from '../src/index.ts';
import { NCCL, ONE_SHOT, row, table } from './support.ts';

const rows = [row(1, 5), row(64, 9), row(1, 9, { kernels: NCCL }), row(64, 16, { kernels: NCCL })];
const before = table(rows);

describe('diffTables', () => {
  it('asks for nothing where nothing changed, in any order of rows', () => {
    expect(diffTables(before, table([...rows].reverse()))).toMatchObject({
      rows: [],
      decisions: [],
      bump: 'none',
    });
  });

  it('re-measured without a decision: patch', () => {
    const after = table([row(1, 5.2), ...rows.slice(1)]);
    expect(diffTables(before, after)).toMatchObject({ bump: 'patch', decisions: [] });
    expect(diffTables(before, after).rows).toEqual([
      expect.objectContaining({ change: 'changed' }),
    ]);
  });

  it('rows added: minor', () => {
    const after = table([...rows, row(256, 19), row(256, 35, { kernels: NCCL })]);
    const diff = diffTables(before, after);
    expect(diff.bump).toBe('minor');
    expect(diff.decisions.map((one) => one.before)).toEqual([null, null]);
  });

  it('a decision changed or dropped: major', () => {
    expect(diffTables(before, table([row(1, 12), ...rows.slice(1)])).bump).toBe('major');
    expect(diffTables(before, table(rows.filter(({ tokens }) => tokens === 1))).bump).toBe('major');
    expect(diffTables(before, vllm033).bump).toBe('major');
  });

  it('a gain within the margin is no decision', () => {
    const near = (us: number) => table([row(1, us), row(1, 10, { kernels: NCCL })]);
    expect([...tableDecisions(near(9.6)).values()]).toEqual([NCCL.join(' + ')]);
    expect([...tableDecisions(near(9.4)).values()]).toEqual([...ONE_SHOT]);
  });

  it('provenance alone: patch', () => {
    expect(diffTables(before, { ...before, provenance: { source: 'another' } }).bump).toBe('patch');
  });

  it('a limit that moved: major where a decision of the grid moves', () => {
    const moved = { ...vllm033, rows: vllm033.rows.map((one) => ({ ...one, max: one.max * 4 })) };
    expect(diffTables(vllm033, moved).bump).toBe('major');
    expect(diffTables(vllm033, { ...vllm033 }).bump).toBe('none');
  });

  it('decides one-shot up to 2048 tokens and NCCL + norm above on two H200', () => {
    const decided = [...tableDecisions(h200Sxm2x).entries()].filter(([at]) =>
      at.includes('"ar_add_rms"'),
    );
    const of = (tokens: number) => decided.find(([at]) => at.endsWith(`tokens ${tokens}`))?.[1];
    for (const tokens of [1, 4, 128, 1024, 2048]) expect(of(tokens)).toBe(ONE_SHOT[0]);
    expect(of(4096)).toBe(NCCL.join(' + '));
    expect(of(16384)).toBeUndefined();
  });
});

describe('requireVersionStep', () => {
  const added = [...rows, row(256, 19), row(256, 35, { kernels: NCCL })];
  it.each([['1.1.0'], ['2.0.0']])('accepts %s for added rows', (version) => {
    expect(requireVersionStep(before, table(added, { version })).bump).toBe('minor');
  });
  it.each([['1.0.0'], ['1.0.1'], ['0.9.0']])('refuses %s for added rows', (version) => {
    expect(() => requireVersionStep(before, table(added, { version }))).toThrow(TableError);
  });
  it('accepts the same version for the same table', () => {
    expect(requireVersionStep(before, before).bump).toBe('none');
  });
});
