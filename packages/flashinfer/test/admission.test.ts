import {
  type Admission,
  checkBackend,
  type Stage,
  type StepRequest,
  UsageError,
} from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { createFlashInfer, flashinfer } from '../src/index.ts';
import { AR, NORM, PRE_NORM, QUANT, RESIDUAL, request } from './request.ts';

const [oneShot, twoShot] = flashinfer().kernels;

const reasons = (answer: Admission): readonly string[] => (answer.admitted ? [] : answer.reasons);
const one = (change: Parameters<typeof request>[0]): readonly string[] =>
  reasons(oneShot!.admit(request(change)));
const two = (change: Parameters<typeof request>[0]): readonly string[] =>
  reasons(twoShot!.admit(request(change)));

describe('flashinfer', () => {
  it('is a valid backend with two kernels', () => {
    checkBackend(flashinfer());
    expect(flashinfer().kernels.map((kernel) => kernel.id)).toEqual([
      '@arfuse/flashinfer/one-shot',
      '@arfuse/flashinfer/two-shot',
    ]);
    expect(() => createFlashInfer({ maxWorkspaceBytes: 0 })).toThrow(UsageError);
  });

  it.each<[string, readonly Stage[]]>([
    ['the all-reduce alone', [AR]],
    ['add and norm', [AR, RESIDUAL, NORM]],
    ['a norm without residual', [AR, NORM]],
    ['the first norm of a sandwich', [AR, PRE_NORM]],
    ['static FP8', [AR, RESIDUAL, NORM, QUANT.fp8_static]],
    ['FP8 per token', [AR, NORM, QUANT.fp8_token]],
    ['FP8 per group', [AR, RESIDUAL, NORM, QUANT.fp8_group]],
  ])('performs %s', (_, stages) => {
    expect(one({ stages, outputs: [] })).toEqual([]);
  });

  it.each<[string, readonly Stage[]]>([
    ['a bias', [AR, { kind: 'bias', dtype: 'bf16' }, RESIDUAL, NORM]],
    ['a whole sandwich', [AR, PRE_NORM, RESIDUAL, NORM]],
    ['the residual add without a norm', [AR, RESIDUAL]],
    ['a norm alone', [NORM]],
    ['a quantiser of a first norm', [AR, PRE_NORM, QUANT.fp8_static]],
    ['a merge', [{ kind: 'merge' }, AR]],
  ])('has no pattern for %s', (_, stages) => {
    expect(one({ stages })).toEqual([
      `has no pattern that performs ${stages.map(({ kind }) => kind).join(' → ')}.`,
    ]);
  });

  it('takes two-shot only for more tokens than ranks, exactly', () => {
    expect(two({ rows: 1 })).toEqual([
      'needs more tokens than ranks; 1 token is asked of a group of 2.',
    ]);
    expect(two({ rows: 2 })).toEqual([
      'needs more tokens than ranks; 2 tokens are asked of a group of 2.',
    ]);
    expect(two({ rows: 3 })).toEqual([]);
    expect(two({ rows: { min: 2, max: 64 } })).toHaveLength(1);
    expect(one({ rows: 1 })).toEqual([]);
  });

  it('keeps a Lamport buffer below 1 GiB, exactly', () => {
    const group = { size: 8, nodes: 1 };
    // 8 ranks × 8192 × 2 bytes = 128 KiB per token.
    expect(one({ group, hidden: 8192, rows: 8191 })).toEqual([]);
    expect(one({ group, hidden: 8192, rows: 8192 })).toEqual([
      'needs a Lamport buffer of 1073741824 bytes for 8192 tokens; it must stay below 1 GiB.',
    ]);
    expect(two({ group, hidden: 8192, rows: 8192 })).toEqual([]);
  });

  it('counts elements in 32 bits, exactly', () => {
    const group = { size: 16, nodes: 1 };
    expect(two({ group, hidden: 8192, rows: 16383 })).toEqual([]);
    expect(two({ group, hidden: 8192, rows: 16384 })).toEqual([
      'counts elements in 32 bits; 16384 tokens of 16 ranks have 2147483648.',
    ]);
  });

  it.each([
    [65536, 'bf16', []],
    [65544, 'bf16', ['would need 8193 threads per block for hidden 65544; the limit is 1024.']],
    [8200, 'bf16', ['would need 1025 threads per block for hidden 8200; the limit is 1024.']],
    [2880, 'bf16', []],
    [4100, 'bf16', ['needs a hidden size that is a multiple of 8 for bf16; it is 4100.']],
    [4100, 'f32', ['would need 1025 threads per block for hidden 4100; the limit is 1024.']],
    [2884, 'f32', []],
    [32768, 'f32', []],
    [2, 'f32', ['needs a hidden size that is a multiple of 4 for f32; it is 2.']],
  ] as const)('bounds hidden %i in %s by its launch shape', (hidden, dtype, expected) => {
    expect(one({ stages: [AR], outputs: [], hidden, dtype })).toEqual(expected);
  });

  it.each([
    [80, false],
    [89, false],
    [90, true],
    [100, true],
    [103, true],
    [107, true],
    [110, false],
    [120, true],
  ])('runs on capability %i: %s', (capability, admitted) => {
    expect(oneShot!.admit(request({ target: { capability } })).admitted).toBe(admitted);
  });

  it.each([
    [2, true],
    [3, false],
    [4, true],
    [6, false],
    [8, true],
    [16, true],
    [32, false],
  ])('is compiled for a group of %i: %s', (size, admitted) => {
    expect(oneShot!.admit(request({ group: { size, nodes: 1 } })).admitted).toBe(admitted);
  });

  it('needs one node and peer access', () => {
    expect(one({ group: { size: 16, nodes: 2 } })).toEqual([
      "writes to its peers' memory, which needs one node; the group spans 2.",
    ]);
    expect(one({ target: { interconnect: 'none' } })[0]).toContain('interconnect is none');
  });

  it.each<[number, number, Stage[], string[]]>([
    // 1008 threads that no cluster divides into whole groups of 128.
    [
      8064,
      2,
      [AR, RESIDUAL, NORM, QUANT.fp8_group],
      ['would need 1008 threads per block for hidden 8064; the limit is 896.'],
    ],
    [8192, 2, [AR, RESIDUAL, NORM, QUANT.fp8_group], []],
    // Sixteen ranks' values are in registers at a time.
    [24_576, 16, [AR, RESIDUAL, NORM], []],
    [
      40_960,
      16,
      [AR, RESIDUAL, NORM],
      ['would need 640 threads per block for hidden 40960; the limit is 512.'],
    ],
  ])('has blocks that registers allow: hidden %i, %i ranks', (hidden, size, stages, expected) => {
    expect(one({ hidden, stages, outputs: [], group: { size, nodes: 1 } })).toEqual(expected);
  });

  it('knows which library versions are right', () => {
    expect(two({ target: { libraries: { flashinfer: '0.7.1' } } })).toEqual([
      'needs FlashInfer ≥ 0.7.2; the target has 0.7.1.',
    ]);
    expect(two({ target: { libraries: { flashinfer: '0.7.2' } } })).toEqual([]);
    expect(two({ target: { libraries: { flashinfer: '0.7.2.post1' } } })).toEqual([]);
    expect(one({ target: { libraries: { flashinfer: '0.6.15' } } })).toEqual([]);
    expect(one({ target: { libraries: { flashinfer: '0.6.14' } } })).toHaveLength(1);
    const pdl = createFlashInfer({ pdl: true }).kernels[0]!;
    const with071 = { target: { libraries: { flashinfer: '0.7.1' } } };
    expect(pdl.admit(request(with071)).admitted).toBe(true);
    const with070 = { target: { libraries: { flashinfer: '0.7.0' } } };
    expect(reasons(pdl.admit(request(with070)))).toEqual([
      'needs FlashInfer ≥ 0.7.1 with PDL; the target has 0.7.0.',
    ]);
  });

  it('refuses what changes the function, naming the value', () => {
    const norm = (change: object): Stage => ({ ...NORM, ...change }) as Stage;
    expect(one({ stages: [AR, RESIDUAL, norm({ weightDtype: 'f32' })] })).toEqual([
      "reads the norm's weight in the activations' bf16; it is f32.",
    ]);
    expect(one({ stages: [AR, RESIDUAL, norm({ weightDtype: null })] })[0]).toContain(
      'the norm has none',
    );
    expect(one({ stages: [AR, { kind: 'residual', factor: 0.22 }, NORM] })[0]).toContain('0.22');
    expect(one({ outputs: ['all_reduce', 'norm'] })[0]).toContain(
      'never writes the all-reduce result',
    );
    expect(one({ stages: [AR, NORM], outputs: ['all_reduce', 'norm'] })).toEqual([]);
  });

  it.each<[string, object, string]>([
    [
      'fp8_group',
      { scaleDtype: 'f32' },
      "writes group scales as packed UE8M0; the site's are f32.",
    ],
    [
      'fp8_group',
      { scaleFloor: 1e-10 / 448 },
      'has the smallest fp8_group scale 1e-10; the site has',
    ],
    [
      'fp8_group',
      { scaleLayout: 'row_major' },
      'stores fp8_group scales as column_major_packed; the site as row_major.',
    ],
    [
      'fp8_group',
      { groupSize: 32 },
      'shares a fp8_group scale among 64 or 128 elements; the site among 32.',
    ],
    [
      'fp8_static',
      { scaleForm: 'divide' },
      'multiplies by the reciprocal of the scale for fp8_static; the site divides by it.',
    ],
    [
      'fp8_static',
      { outputDtype: 'f8e5m2' },
      'stores f8e4m3fn for fp8_static; the site stores f8e5m2.',
    ],
    ['fp8_token', { scaleFloor: null }, 'the site has none.'],
    [
      'nvfp4',
      {},
      'quantises to FP4 only on compute capability 10.0 and newer; on 9 it writes zeros.',
    ],
  ])('compares %s scales with its own: %o', (scheme, change, sentence) => {
    const quant = { ...QUANT[scheme as keyof typeof QUANT], ...change } as Stage;
    expect(one({ stages: [AR, RESIDUAL, NORM, quant], outputs: ['quant'] }).join('\n')).toContain(
      sentence,
    );
  });

  it('quantises to FP4 on Blackwell', () => {
    const stages = [AR, RESIDUAL, NORM, QUANT.nvfp4];
    expect(one({ stages, outputs: ['quant', 'scale'], target: { capability: 100 } })).toEqual([]);
    expect(one({ stages, dtype: 'f32', target: { capability: 100 } })).toContain(
      'has no FP4 form for f32 activations.',
    );
  });

  it('refuses rows that are no whole quantisation groups', () => {
    expect(one({ stages: [AR, RESIDUAL, NORM, QUANT.fp8_group], hidden: 2880 })).toEqual([
      'needs rows that are whole groups of 128; hidden is 2880.',
    ]);
  });

  it('obeys a workspace limit', () => {
    const kernel = createFlashInfer({ maxWorkspaceBytes: 1_000_000 }).kernels[0]!;
    const at = (rows: number): StepRequest => request({ rows });
    // Three buffers of 2 × rows × 8 KiB, 20 bytes of control words and 7 pointers.
    expect(kernel.workspace(at(20)).bytes).toBe(3 * 2 * 20 * 8192 + 20 + 56);
    expect(kernel.admit(at(20)).admitted).toBe(true);
    expect(reasons(kernel.admit(at(21)))[0]).toContain('the limit is 1000000');
  });
});
