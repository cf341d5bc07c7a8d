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
  });

  it('admits an all-reduce on one NVLink node', () => {
    for (const kernel of symmMem().kernels)
      expect(kernel.admit(request())).toEqual({ admitted: true });
  });

  it.each<[string, Parameters<typeof request>[0], string]>([
    ['several nodes', { group: { size: 8, nodes: 2 } }, 'the group spans 2'],
    ['a group of 3', { group: { size: 3, nodes: 1 } }, 'this one has 3 ranks'],
    ['f16', { dtype: 'f16' }, 'the activations are f16'],
    ['a short row', { hidden: 4 }, 'a row of 4 bf16 elements has 8 bytes'],
    ['no peer access', { target: { interconnect: 'none' } }, 'interconnect is none'],
    ['an old GPU', { target: { capability: 75 } }, 'the target has 7.5'],
  ])('refuses %s', (_, change, sentence) => {
    expect(reasons(oneShot!.admit(request(change))).join(' ')).toContain(sentence);
  });

  it('gives every rank of two-shot a slice, exactly', () => {
    // One row of 56 bf16 elements is 7 vectors of 16 bytes, one of 64 is 8.
    expect(reasons(twoShot!.admit(request({ hidden: 56, rows: 1 })))).toEqual([
      'gives every rank a slice of at least 16 bytes; the smallest launch has 7 such pieces for 8 ranks.',
    ]);
    expect(twoShot!.admit(request({ hidden: 64, rows: 1 })).admitted).toBe(true);
  });

  it('keeps its buffer within the limit, exactly', () => {
    const kernel = createSymmMem({ maxBufferBytes: 16 * 8192 }).kernels[0]!;
    expect(kernel.admit(request({ rows: 16 })).admitted).toBe(true);
    expect(reasons(kernel.admit(request({ rows: 17 })))[0]).toContain(
      'needs a buffer of 139264 bytes for 17 rows',
    );
    expect(kernel.workspace(request({ rows: 16 })).bytes).toBe(16 * 8192 + 24 * 8 * 4);
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
