import { activationRows, executeSteps, Random, SimulatedRanks } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import type { NativeArithmetic } from '../src/index.ts';
import { addon, codesOf, decoded, encoded } from './support.ts';

describe.skipIf('missing' in addon)('sum in rank order of the addon', () => {
  const { arithmetic } = (addon as { binding: { arithmetic: NativeArithmetic } }).binding ?? {};

  for (const dtype of ['bf16', 'f16', 'f32'] as const) {
    it.each([2, 3, 8, 16])(`${dtype}: is what the reference adds over %i ranks`, (size) => {
      for (const rounds of [false, true]) {
        const [rows, hidden] = [7, 128];
        const random = new Random(size);
        const partials = Array.from({ length: size }, (_, rank) =>
          activationRows(dtype, rows, hidden, random.fork(`${rank}`), rank === 1),
        );
        const out = codesOf(dtype, rows * hidden).fill(0xa5);
        arithmetic.allReduce({
          dtype,
          elements: rows * hidden,
          rounds,
          partials: partials.map(({ data }) => encoded(dtype, data)),
          out,
        });
        const [results] = executeSteps(
          { hidden, dtype, group: 0 },
          [
            {
              stages: [{ kind: 'all_reduce' }],
              numerics: {
                accumulate: rounds ? 'io' : 'f32',
                reduceOrder: 'rank',
                hopRounding: false,
                allReduceRounded: true,
              } as never,
            },
          ],
          { partials: partials.map((partial) => [partial]) },
          new SimulatedRanks([{ name: 'tp', size }]),
        );
        expect(decoded(dtype, out)).toEqual(results!.all_reduce!.data);
      }
    });
  }
});
