import { describe, expect, it } from 'vitest';
import type { CudaBinding, NativeHastyCopy, NativeProducer } from '../src/index.ts';
import { addon } from './support.ts';

/** An addon with kernels; what it refuses before it asks CUDA needs no GPU. */
const binding =
  'binding' in addon && addon.binding.check.prepareProducer ? addon.binding : undefined;

describe.skipIf(!binding)('producers', () => {
  const cuda = binding as CudaBinding;
  const place = (bytes: number) => ({
    memory: new cuda.DeviceMemory(0, bytes, 0x10_0000_0000n),
    offset: 0,
  });
  const tensor = (change: Record<string, unknown> = {}) => ({
    dtype: 'bf16',
    kind: 'usual',
    seed: 1,
    stream: 0,
    hidden: 64,
    row: 0,
    rows: 4,
    out: place(4 * 64 * 2),
    ...change,
  });
  const refusal = (prepare: () => unknown): string => {
    try {
      prepare();
    } catch (error) {
      return (error as Error).message;
    }
    return 'it was prepared';
  };

  it.each([
    ['a delay that is none', { delay: -1, tensors: [] }, /^delay: expected an integer from 0 to /],
    ['no tensors', { delay: 0, tensors: [] }, /^tensors: expected 1 to 6 of them in an array\.$/],
    ['too many', { delay: 0, tensors: new Array(7).fill({}) }, /^tensors: expected 1 to 6 /],
    ['one that is none', { delay: 0, tensors: [1] }, /^tensor: expected an object\.$/],
  ])('refuse %s', (_, given, message) => {
    const prepare = () => cuda.check.prepareProducer!(0, given as unknown as NativeProducer);
    expect(refusal(prepare)).toMatch(message);
  });

  it.each([
    ['another kind', { kind: 'odd' }, /^kind: expected one of usual, special, integers, vector\.$/],
    ['rows that do not fit', { rows: 5 }, /^out: /],
    ['no place', { out: undefined }, /^out: /],
  ])('refuse a tensor with %s', (_, change, message) => {
    const given = { delay: 0, tensors: [tensor(change)] } as unknown as NativeProducer;
    expect(refusal(() => cuda.check.prepareProducer!(0, given))).toMatch(message);
  });

  it('refuse a copy that leaves its memory', () => {
    const copy = { from: place(64), to: place(32), bytes: 64 } as NativeHastyCopy;
    expect(refusal(() => cuda.check.prepareHastyCopy!(0, copy))).toMatch(/^to: /);
  });
});
