import { type IoDType, itemsize } from '@arfuse/contract';
import { loadNative, type NativeBinding } from '@arfuse/native';
import { describe, expect, it } from 'vitest';
import { threadsPerBlock, vectorElements } from '../src/launch-shape.ts';
import { type Shot, workspaceBytes } from '../src/workspace.ts';
import { request } from './request.ts';

/** The addon, where this machine has built one. */
const binding: NativeBinding | undefined = (() => {
  try {
    return loadNative().binding;
  } catch {
    return undefined;
  }
})();

describe.skipIf(binding === undefined)('planning and the addon', () => {
  const fusion = binding?.fusion as NativeBinding['fusion'];

  it.each<[IoDType, number | null]>([
    ['bf16', null],
    ['f16', 64],
    ['bf16', 128],
    ['f32', null],
    ['f32', 128],
  ])('agree on the threads of a block for %s, group %s', (dtype, group) => {
    const step = Math.max(vectorElements(dtype), group ?? 0);
    for (let hidden = step; hidden <= 20_000; hidden += step) {
      const { threads } = fusion.geometry({
        shot: 'one-shot',
        pattern: group === null ? 1 : 8,
        dtype,
        rows: 1,
        hidden,
        size: 2,
        ranksPerDevice: 1,
        multiprocessors: 132,
        registers: 48,
        ...(group === null ? {} : { group }),
      });
      expect([hidden, threadsPerBlock(hidden, dtype, group)]).toEqual([hidden, threads]);
    }
  });

  it.each<[Shot, IoDType]>([
    ['one-shot', 'bf16'],
    ['two-shot', 'bf16'],
    ['one-shot', 'f32'],
    ['two-shot', 'f32'],
  ])('agree on the workspace of %s for %s', (shot, dtype) => {
    for (const size of [2, 4, 8, 16]) {
      const asked = request({ dtype, rows: 64, hidden: 2880, group: { size, nodes: 1 } });
      const tensor = 64 * 2880 * itemsize(dtype);
      const parts = fusion.layout({
        size,
        oneShotBytes: shot === 'one-shot' ? tensor : 0,
        twoShotBytes: shot === 'two-shot' ? tensor : 0,
      });
      const barrier = shot === 'two-shot' ? parts.barrierBytes : 0;
      const table = (3 * size + 1) * 8;
      const used = 3 * parts.lamportBytes + parts.commBytes + barrier + table;
      expect(workspaceBytes(shot, asked, false)).toBe(used + parts.controlWords.byteLength);
    }
  });
});
