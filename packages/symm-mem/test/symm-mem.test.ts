import { type Admission, checkBackend, UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { createSymmMem, symmMem } from '../src/index.ts';
import { request } from './request.ts';

const [oneShot, twoShot, multimem] = symmMem().kernels;
const reasons = (answer: Admission): readonly string[] => (answer.admitted ? [] : answer.reasons);

describe('symm-mem', () => {
  it('is a valid backend of three kernels', () => {
    checkBackend(symmMem());
    expect(symmMem().kernels.map((kernel) => kernel.id)).toEqual([
      '@arfuse/symm-mem/one-shot',
      '@arfuse/symm-mem/two-shot',
      '@arfuse/symm-mem/multimem',
    ]);
    expect(() => createSymmMem({ maxBufferBytes: 1.5 })).toThrow(UsageError);
    for (const delays of [0, 0.5, 2 ** 31])
      expect(() => createSymmMem({ delays })).toThrow(UsageError);
  });

  it('admits an all-reduce on one NVLink node', () => {
    for (const kernel of symmMem().kernels)
      expect(kernel.admit(request())).toEqual({ admitted: true });
  });

  it.each<[string, Parameters<typeof request>[0], string]>([
    ['several nodes', { group: { size: 8, nodes: 2 } }, 'the group spans 2'],
    ['a group of 3', { group: { size: 3, nodes: 1 } }, 'this one has 3 ranks'],
    ['a short row', { hidden: 4 }, 'a row of 4 bf16 elements has 8 bytes'],
    ['no peer access', { target: { interconnect: 'none' } }, 'interconnect is none'],
    ['an old GPU', { target: { capability: 75 } }, 'the target has 7.5'],
  ])('refuses %s', (_, change, sentence) => {
    for (const kernel of [oneShot, twoShot])
      expect(reasons(kernel!.admit(request(change))).join(' ')).toContain(sentence);
  });

  it.each(['bf16', 'f16', 'f32'] as const)(
    'adds %s, but for the switch, which has no f16',
    (dtype) => {
      for (const kernel of [oneShot, twoShot])
        expect(kernel!.admit(request({ dtype }))).toEqual({ admitted: true });
      expect(reasons(multimem!.admit(request({ dtype })))).toEqual(
        dtype === 'f16' ? ['adds bf16 and f32; the activations are f16.'] : [],
      );
    },
  );

  it('splits fewer vectors than ranks too: some slices are empty', () => {
    expect(twoShot!.admit(request({ hidden: 8, rows: 1 }))).toEqual({ admitted: true });
  });

  it('keeps its workspace within the limit, exactly', () => {
    const MIB = 2 ** 20;
    // 256 rows of 4096 bf16 elements are 2 MiB: two buffers of 8 slots, and a head that needs a page.
    const bytes = 2 * 8 * 2 * MIB + 2 * MIB;
    expect(oneShot!.workspace(request({ rows: 256 })).bytes).toBe(bytes);
    // Two-shot keeps the slices and the sums.
    expect(twoShot!.workspace(request({ rows: 256 })).bytes).toBe(2 * 2 * 2 * MIB + 2 * MIB);
    const limited = (maxBufferBytes: number) => createSymmMem({ maxBufferBytes }).kernels[0]!;
    expect(limited(bytes).admit(request({ rows: 256 })).admitted).toBe(true);
    expect(reasons(limited(bytes - 1).admit(request({ rows: 256 })))).toEqual([
      `keeps ${bytes} bytes at each rank for 256 rows; the limit is ${bytes - 1}.`,
    ]);
  });

  it('uses multicast only where it is allowed, switched, and of use', () => {
    const admit = (change: Parameters<typeof request>[0]): readonly string[] =>
      reasons(multimem!.admit(request(change)));
    expect(admit({ target: { multicast: false } })[0]).toContain('multicast=off');
    expect(admit({ target: { interconnect: 'nvlink-bridge' } })[0]).toContain('nvlink-bridge');
    expect(admit({ group: { size: 2, nodes: 1 } })[0]).toContain('this group has 2');
    expect(admit({ target: { capability: 80 } })[0]).toContain('9.0 or newer');
  });

  it('adds in rank order, but for the switch', () => {
    expect(
      [oneShot, twoShot, multimem].map((kernel) => kernel!.offer(request()).numerics.reduceOrder),
    ).toEqual(['rank', 'rank', 'unspecified']);
  });
});
