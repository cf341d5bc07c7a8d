import { describe, expect, it } from 'vitest';
import { memoryGrowth } from '../../src/execution/checks/memory-growth.ts';

const MIB = 2 ** 20;
const points = (heap: (tenth: number) => number) =>
  Array.from({ length: 10 }, (_, i) => ({
    operations: (i + 1) * 1000,
    hostBytes: 4000 * MIB,
    heapBytes: heap(i) * MIB,
    deviceBytes: 500 * MIB,
  }));

describe('memory of a soak', () => {
  it('may come and go', () => {
    expect(memoryGrowth(points((tenth) => (tenth % 2 === 0 ? 200 : 700)))).toEqual([]);
    // Caches fill in the first operations.
    expect(memoryGrowth(points((tenth) => (tenth === 0 ? 50 : 400)))).toEqual([]);
  });

  it('may not grow', () => {
    expect(memoryGrowth(points((tenth) => 200 + 100 * tenth))).toEqual([
      'the JavaScript heap grows: by 600 MiB in 8000 operations, and at most 128 MiB are slack',
    ]);
  });
});
