import { describe, expect, it } from 'vitest';
import type { NativeExchangeFunctions } from '../src/index.ts';
import { headOf } from './exchange-head.ts';
import { addon } from './support.ts';

const MIB = 2 ** 20;
const PAGE = 2 * MIB;
const VECTOR = 16;
/** Control words on a line, then one line of flags for each of two phases and 64 blocks. */
const HEAD = 128 + 2 * 64 * 128;
const SIZES = [2, 4, 6, 8] as const;

describe.skipIf('missing' in addon)('exchange of the addon', () => {
  const { exchange } = (addon as { binding: { exchange: NativeExchangeFunctions } }).binding ?? {};

  describe('layout', () => {
    it('has a slot for every rank in each of two buffers', () => {
      const room = { size: 2, oneShotBytes: MIB, twoShotBytes: 0 };
      expect(exchange.layout(room)).toEqual({
        bytes: 3 * PAGE,
        headBytes: HEAD,
        buffers: [16_640, 16_640 + 2 * MIB],
        bufferBytes: 2 * MIB,
        oneShotSlotBytes: MIB,
        twoShotSlotBytes: 0,
        resultOffset: 0,
      });
    });

    it('has slots of a slice, and the sums of all slices behind them', () => {
      // Ten vectors for four ranks: slices of 3, 3, 3 and 1.
      const found = exchange.layout({ size: 4, oneShotBytes: 0, twoShotBytes: 10 * VECTOR });
      expect(found).toMatchObject({ twoShotSlotBytes: 256, resultOffset: 1024, bufferBytes: 1280 });
    });

    it('fits every exchange up to its largest, aligned, nothing over another', () => {
      for (const size of SIZES)
        for (const [oneShotBytes, twoShotBytes] of [
          [0, 0],
          [16, 0],
          [0, 16],
          [2 ** 31, 2 ** 31],
          [48, 2 ** 31 + 16],
          [3 * MIB + 16, 5 * MIB + 32],
        ] as const) {
          const found = exchange.layout({ size, oneShotBytes, twoShotBytes });
          const slice = Math.ceil(twoShotBytes / VECTOR / size) * VECTOR;
          expect(found.oneShotSlotBytes).toBeGreaterThanOrEqual(oneShotBytes);
          expect(found.twoShotSlotBytes).toBeGreaterThanOrEqual(slice);
          expect(found.resultOffset).toBe(size * found.twoShotSlotBytes);
          expect(found.bufferBytes).toBeGreaterThanOrEqual(size * found.oneShotSlotBytes);
          expect(found.bufferBytes).toBeGreaterThanOrEqual(found.resultOffset + twoShotBytes);
          expect(found.buffers[0]).toBeGreaterThanOrEqual(found.headBytes);
          expect(found.buffers[1]).toBe(found.buffers[0] + found.bufferBytes);
          expect(found.bytes).toBeGreaterThanOrEqual(found.buffers[1] + found.bufferBytes);
          expect(found.bytes % PAGE).toBe(0);
          for (const at of [...found.buffers, found.oneShotSlotBytes, found.twoShotSlotBytes])
            expect(at % 256).toBe(0);
        }
    });

    it.each([
      [{ size: 3 }, 'size: expected 2, 4, 6 or 8 ranks.'],
      [{ size: 16 }, 'size: expected 2, 4, 6 or 8 ranks.'],
      [{ oneShotBytes: -16 }, 'oneShotBytes: expected a whole number of bytes up to 2^40.'],
      [{ oneShotBytes: 1.5 }, 'oneShotBytes: expected a whole number of bytes up to 2^40.'],
      [
        { twoShotBytes: 2 ** 40 + 16 },
        'twoShotBytes: expected a whole number of bytes up to 2^40.',
      ],
      [{ twoShotBytes: Number.NaN }, 'twoShotBytes: expected a whole number of bytes up to 2^40.'],
    ])('refuses %o', (change, message) => {
      const room = { size: 2, oneShotBytes: 16, twoShotBytes: 16, ...change };
      expect(() => exchange.layout(room)).toThrow(message);
    });
  });

  describe('geometry', () => {
    const asked = {
      shot: 'one-shot',
      dtype: 'bf16',
      rows: 1,
      hidden: 8192,
      size: 2,
      ranksPerDevice: 1,
      multiprocessors: 132,
    } as const;

    it('has a block per 512 vectors, up to 64', () => {
      const of = (rows: number) => exchange.geometry({ ...asked, rows });
      expect(of(1)).toEqual({ blocks: 2, threads: 512, vectors: 1024, shared: 1024 });
      expect(of(31).blocks).toBe(62);
      expect(of(32).blocks).toBe(64);
      expect(of(33).blocks).toBe(64);
      expect(exchange.geometry({ ...asked, hidden: 8 }).blocks).toBe(1);
    });

    it('shares out the vectors of a slice, of which the last ones are shorter or empty', () => {
      const of = (hidden: number, size: number) =>
        exchange.geometry({ ...asked, shot: 'two-shot', hidden, size });
      expect(of(8 * 1024, 4)).toMatchObject({ blocks: 1, vectors: 1024, shared: 256 });
      // Nine vectors for eight ranks: four slices of 2, one of 1, three of none.
      expect(of(8 * 9, 8)).toMatchObject({ blocks: 1, vectors: 9, shared: 2 });
      expect(of(8, 8)).toMatchObject({ blocks: 1, vectors: 1, shared: 1 });
    });

    it('counts the vectors of 2^31 bytes', () => {
      const rows = 131_072;
      expect(exchange.geometry({ ...asked, rows })).toMatchObject({ vectors: 2 ** 27, blocks: 64 });
      const two = exchange.geometry({ ...asked, rows, shot: 'two-shot', size: 6 });
      expect(two.shared).toBe(Math.ceil(2 ** 27 / 6));
    });

    it('leaves a multiprocessor free while all ranks of a device but one spin', () => {
      for (let multiprocessors = 8; multiprocessors <= 200; multiprocessors += 1)
        for (const size of SIZES)
          for (let ranksPerDevice = 2; ranksPerDevice <= size; ranksPerDevice += 1) {
            const given = { ...asked, rows: 4096, size, ranksPerDevice, multiprocessors };
            const { blocks } = exchange.geometry(given);
            expect(blocks).toBeGreaterThan(0);
            // An exchange completes when (N - 1) × blocks < the blocks that fit: one per multiprocessor at least.
            expect((ranksPerDevice - 1) * blocks).toBeLessThan(multiprocessors);
            // One more would not fit, unless the most are launched.
            if (blocks < 64)
              expect((ranksPerDevice - 1) * (blocks + 1)).toBeGreaterThanOrEqual(multiprocessors);
          }
    });

    it('is the same for every rank, whatever else its GPU has', () => {
      const grids = [84, 108, 132].map(
        (multiprocessors) => exchange.geometry({ ...asked, rows: 999, multiprocessors }).blocks,
      );
      expect(grids).toEqual([64, 64, 64]);
    });

    it.each([
      [{ shot: 'three-shot' }, 'shot: expected one of one-shot, two-shot.'],
      [{ dtype: 'f64' }, 'dtype: expected one of'],
      [{ hidden: 12 }, 'hidden: expected rows of whole 16-byte vectors.'],
      [{ rows: 0 }, 'rows: expected an integer from 1 to'],
      [{ ranksPerDevice: 3 }, 'ranksPerDevice: expected an integer from 1 to 2.'],
      [
        { size: 8, ranksPerDevice: 8, multiprocessors: 7 },
        'ranksPerDevice: expected at most as many ranks as multiprocessors, 7.',
      ],
    ])('refuses %o', (change, message) => {
      expect(() => exchange.geometry({ ...asked, ...change } as never)).toThrow(message);
    });
  });

  describe('state', () => {
    const of = (head: Uint8Array, rank = 0, size = 4) => exchange.state(head, { rank, size });

    it('is new after the head was zeroed', () => {
      expect(of(headOf({}))).toEqual({ epoch: 0n, running: false, aborted: false, missing: [] });
    });

    it('counts exchanges that have ended, also beyond 32 bits', () => {
      const epoch = 2n ** 33n + 1n;
      expect(of(headOf({ epoch, begun: epoch }))).toMatchObject({ epoch, running: false });
    });

    it('names who has not raised the flag of every block', () => {
      const raised = (block: number, rank: number): bigint =>
        rank === 1 || (rank === 2 && block === 0) ? 6n : 5n;
      const head = headOf({ epoch: 5n, begun: 6n, blocks: 2, phases: 1, flags: { 0: raised } });
      expect(of(head)).toEqual({ epoch: 5n, running: true, aborted: false, missing: [2, 3] });
      // A peer that is one exchange ahead was here.
      const ahead = headOf({ epoch: 5n, begun: 6n, blocks: 2, phases: 1, flags: { 0: () => 7n } });
      expect(of(ahead).missing).toEqual([]);
    });

    it('does not count blocks that were not launched, nor itself', () => {
      const raised = (block: number): bigint => (block < 3 ? 1n : 0n);
      const head = headOf({ begun: 1n, blocks: 3, phases: 1, flags: { 0: raised } });
      expect(of(head, 2).missing).toEqual([]);
      expect(of(headOf({ begun: 1n, blocks: 3, phases: 1 }), 2).missing).toEqual([0, 1, 3]);
    });

    it('does not call a rank missing that waits for another one itself', () => {
      // Rank 3 never came, so that nobody comes to the second phase.
      const came = (_: number, rank: number): bigint => (rank === 3 ? 0n : 1n);
      const head = headOf({ begun: 1n, blocks: 2, phases: 2, flags: { 0: came } });
      expect(of(head).missing).toEqual([3]);
      const all = headOf({ begun: 1n, blocks: 2, phases: 2, flags: { 0: () => 1n, 1: came } });
      expect(of(all).missing).toEqual([3]);
    });

    it('reads a torn head without leaving it', () => {
      const torn = headOf({ begun: 1n, blocks: 0xffff_ffff, phases: 0xffff_ffff, aborted: 1 });
      expect(of(torn, 0, 2)).toMatchObject({ running: true, aborted: true, missing: [1] });
    });

    it('refuses a head that is too short, and ranks that do not exist', () => {
      expect(() => of(new Uint8Array(HEAD - 1))).toThrow(`head: expected ${HEAD} bytes`);
      expect(() => of(headOf({}), 4)).toThrow('rank: expected an integer from 0 to 3.');
    });
  });
});
