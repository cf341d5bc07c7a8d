import { describe, expect, it } from 'vitest';
import type { NativeBinding, NativeFusionWork } from '../src/index.ts';
import { addon } from './support.ts';

const WORK: NativeFusionWork = {
  shot: 'one-shot',
  pattern: 1,
  dtype: 'bf16',
  rows: 1,
  hidden: 4096,
  size: 2,
  ranksPerDevice: 1,
};
/** An H200. */
const MULTIPROCESSORS = 132;

/** Registers of pattern 1 by shot and size, as ptxas gives them for Hopper. */
const REGISTERS = {
  'one-shot': { 2: 48, 4: 48, 8: 64, 16: 124 },
  'two-shot': { 2: 58, 4: 63, 8: 72, 16: 122 },
} as const;

describe.skipIf('missing' in addon)("shapes of FlashInfer's launches", () => {
  const { fusion } = (addon as { binding: NativeBinding }).binding ?? {};

  const shape = (change: Partial<NativeFusionWork> & { activeClusters?: number }, registers = 48) =>
    fusion.geometry({ ...WORK, multiprocessors: MULTIPROCESSORS, registers, ...change });

  /** Threads, cluster, blocks. */
  const figures = (rows: number, hidden: number) => {
    const { threads, cluster, blocks } = shape({ rows, hidden });
    return [threads, cluster, blocks];
  };

  it.each([
    [1024, [128, 1, 1], [128, 1, 16], [128, 1, 64], [128, 1, 128], [128, 1, 132]],
    [2048, [128, 2, 2], [128, 2, 32], [128, 2, 128], [256, 1, 128], [256, 1, 132]],
    [2880, [180, 2, 2], [180, 2, 32], [180, 2, 128], [360, 1, 128], [360, 1, 132]],
    [4096, [128, 4, 4], [128, 4, 64], [256, 2, 128], [512, 1, 128], [512, 1, 132]],
    [7168, [224, 4, 4], [224, 4, 64], [448, 2, 128], [896, 1, 128], [896, 1, 132]],
    [8192, [128, 8, 8], [128, 8, 128], [512, 2, 128], [1024, 1, 128], [1024, 1, 132]],
    [16_384, [256, 8, 8], [256, 8, 128], [1024, 2, 128], [1024, 2, 132], [1024, 2, 132]],
  ])('are those of its launcher for hidden %i', (hidden, ...expected) => {
    expect([1, 16, 64, 128, 2048].map((rows) => figures(rows, hidden))).toEqual(expected);
  });

  it('has the largest blocks for the widest row', () => {
    expect(figures(1, 65_536)).toEqual([1024, 8, 8]);
    // 65,544 leaves threads that no cluster divides.
    expect(shape({ hidden: 65_544 }).threads).toBeGreaterThan(1024);
  });

  it.each([
    [8, 8],
    [7, 4],
    [3, 2],
    [1, 1],
  ])('has no cluster of more blocks than a device with %i launches: %i', (maxCluster, cluster) => {
    const found = fusion.geometry({
      ...WORK,
      hidden: 8192,
      multiprocessors: MULTIPROCESSORS,
      registers: 48,
      maxCluster,
    });
    expect(found).toMatchObject({ cluster, threads: 1024 / cluster });
  });

  it('never has more threads than registers for them', () => {
    expect(shape({}, 48).mostThreads).toBe(1024);
    expect(shape({}, 64).mostThreads).toBe(1024);
    expect(shape({}, 72).mostThreads).toBe(896);
    expect(shape({}, 122).mostThreads).toBe(512);
    // 8192 columns folded to one block of 1024 threads with 64 registers, to two of 512 with 72.
    expect(shape({ rows: 2048, hidden: 8192 }, 64).cluster).toBe(1);
    expect(shape({ rows: 2048, hidden: 8192 }, 72).cluster).toBe(2);
  });

  it('keeps a group of a shared scale in one block', () => {
    // 2880 / 8 = 360 threads: blocks of 180 hold 22.5 groups of 64.
    const { threads, cluster, sharedBytes } = shape({ pattern: 8, hidden: 2880, group: 64 }, 72);
    expect({ threads, cluster, sharedBytes }).toEqual({
      threads: 360,
      cluster: 1,
      sharedBytes: 180,
    });
    expect(shape({ pattern: 8, hidden: 8064, group: 128 }, 72)).toMatchObject({
      threads: 1008,
      mostThreads: 896,
    });
  });

  it('deals with a rank’s part of the rows in two-shot launches', () => {
    expect(shape({ shot: 'two-shot', rows: 32, hidden: 8192 }, 58)).toMatchObject({
      threads: 128,
      cluster: 8,
      blocks: 128,
    });
    expect(fusion.shares({ rows: 11, size: 4 })).toEqual([
      { begin: 0, count: 3 },
      { begin: 3, count: 3 },
      { begin: 6, count: 3 },
      { begin: 9, count: 2 },
    ]);
  });

  // [size, hidden, shot, the most rows that complete, clusters of that shape that an H200 holds]
  it.each([
    [2, 8192, 'one-shot', 131, 132],
    [2, 8192, 'two-shot', 262, 132],
    [4, 4096, 'one-shot', 87, 264],
    [4, 8192, 'one-shot', 43, 132],
    [8, 4096, 'one-shot', 37, 264],
    [8, 8192, 'one-shot', 17, 124],
  ] as const)(
    'of %i ranks on one device, %i, %s: complete up to %i rows',
    (size, hidden, shot, rows, activeClusters) => {
      const completes = (count: number) => {
        const { blocks, cluster } = shape(
          { size, hidden, shot, rows: count },
          REGISTERS[shot][size as 2],
        );
        return fusion.completes({
          ranksPerDevice: size,
          clusters: blocks / cluster,
          activeClusters,
        });
      };
      expect([completes(rows), completes(rows + 1)]).toEqual([true, false]);
    },
  );

  it('hang with one block per multiprocessor where two complete', () => {
    const at = { rows: 200, ranksPerDevice: 1 };
    const clusters = (pattern: 1 | 8, registers: number) =>
      shape({ ...at, pattern, ...(pattern === 8 ? { group: 128 } : {}) }, registers).blocks;
    const [plain, group] = [clusters(1, 48), clusters(8, 72)];
    expect([plain, group]).toEqual([132, 132]);
    const completes = (count: number, activeClusters: number) =>
      fusion.completes({ ranksPerDevice: 2, clusters: count, activeClusters });
    expect([completes(plain, 264), completes(group, 132)]).toEqual([true, false]);
  });

  it.each([2, 4, 8, 16] as const)(
    'of %i ranks on one device: fit it together, and leave a multiprocessor free',
    (size) => {
      for (const hidden of [1024, 2880, 4096, 8192])
        for (const rows of [1, 7, 64, 2048])
          for (const shot of ['one-shot', 'two-shot'] as const) {
            if (shot === 'two-shot' && rows <= size) continue;
            const registers = REGISTERS[shot][size];
            const alone = shape({ size, hidden, shot, rows }, registers);
            const perMultiprocessor = Math.floor(
              65_536 / (Math.ceil(registers / 8) * 8 * alone.threads),
            );
            const activeClusters = Math.floor(
              (perMultiprocessor * MULTIPROCESSORS) / alone.cluster,
            );
            const found = shape(
              { size, hidden, shot, rows, ranksPerDevice: size, activeClusters },
              registers,
            );
            // The rows are computed in the shape of production: only fewer at a time.
            expect(found).toMatchObject({ threads: alone.threads, cluster: alone.cluster });
            const clusters = found.blocks / found.cluster;
            expect(clusters * size).toBeLessThanOrEqual(activeClusters);
            expect(found.blocks * (size - 1)).toBeLessThan(MULTIPROCESSORS);
            expect(found.blocks).toBe(
              Math.min(
                alone.blocks,
                Math.floor(activeClusters / size) * found.cluster,
                Math.floor((MULTIPROCESSORS - 1) / (size - 1) / found.cluster) * found.cluster,
              ),
            );
            if (clusters > 0)
              expect(fusion.completes({ ranksPerDevice: size, clusters, activeClusters })).toBe(
                true,
              );
          }
    },
  );

  it.each([
    [{ size: 3 }, 'size: expected 2, 4, 8 or 16 ranks.'],
    [{ hidden: 4092 }, 'hidden: expected rows of whole 16-byte vectors.'],
    [
      { pattern: 6 },
      'pattern: expected 0 to 5 or 8 to 11, a code of FlashInfer’s all-reduce fusion.',
    ],
    [
      { pattern: 8, group: 96 },
      'group: expected a divisor of hidden 4096 that a power of two of threads holds.',
    ],
    [{ pattern: 3, dtype: 'f32' }, 'pattern: expected 16-bit activations in groups of 16 for FP4.'],
    [
      { rows: 262_144 },
      'rows: expected ranks x rows x hidden below 2^31: the kernels count elements in 32 bits.',
    ],
    [{ ranksPerDevice: 4 }, 'ranksPerDevice: expected an integer from 1 to 2.'],
  ])('refuse %o', (change, message) => {
    expect(() => shape(change as never)).toThrow(message.replace('’', "'"));
  });
});
