import { type Admission, checkBackend } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { createNccl, nccl } from '../src/index.ts';
import { request } from './request.ts';

const [ring, symmetric] = nccl().kernels;
const reasons = (answer: Admission): readonly string[] => (answer.admitted ? [] : answer.reasons);

describe('nccl', () => {
  it('is a valid backend; windows can be left out', () => {
    checkBackend(nccl());
    expect(createNccl({ withoutWindows: true }).kernels.map((kernel) => kernel.id)).toEqual([
      '@arfuse/nccl/all-reduce',
    ]);
  });

  it('all-reduces any group, any size, and nothing else', () => {
    expect(
      ring!.admit(
        request({ group: { size: 17, nodes: 17 }, hidden: 3, dtype: 'f32', rows: 1_000_000 }),
      ),
    ).toEqual({
      admitted: true,
    });
    expect(
      reasons(
        ring!.admit(request({ stages: [{ kind: 'all_reduce' }, { kind: 'scale', factor: 2 }] })),
      ),
    ).toEqual(['performs an all-reduce alone, not all_reduce → scale.']);
  });

  it('rounds at every hop of its ring, except between two ranks', () => {
    expect(ring!.offer(request()).numerics).toMatchObject({
      reduceOrder: 'ring',
      hopRounding: true,
      geometryInvariant: false,
    });
    expect(ring!.offer(request({ group: { size: 2, nodes: 1 } })).numerics).toMatchObject({
      accumulate: 'f32',
      hopRounding: false,
      geometryInvariant: true,
    });
  });

  it('needs NCCL 2.28, one node and NVLink for symmetric windows', () => {
    const admit = (change: Parameters<typeof request>[0]): readonly string[] =>
      reasons(symmetric!.admit(request(change)));
    expect(admit({})).toEqual([]);
    expect(admit({ target: { libraries: { nccl: '2.28' } } })).toEqual([]);
    expect(admit({ target: { libraries: { nccl: '2.27.9' } } })).toEqual([
      'needs NCCL ≥ 2.28 for symmetric windows; the target has 2.27.9.',
    ]);
    expect(admit({ group: { size: 16, nodes: 2 } })[0]).toContain('the group spans 2');
    expect(admit({ target: { interconnect: 'pcie' } })[0]).toContain('interconnect is pcie');
    expect(symmetric!.workspace(request({ rows: 3 })).bytes).toBe(3 * 4096 * 2);
  });
});
