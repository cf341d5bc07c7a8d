import { checkConformance, requestGrid } from '@arfuse/conformance';
import { findStage, formatStages, type SiteOutput, type StepRequest } from '@arfuse/contract';
import type * as Reference from '@arfuse/reference';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { simulateOffer } from '../src/simulate.ts';
import { acme } from './acme.ts';

/** What goes wrong in the executed kernel: one element of one output becomes another value, on every rank. */
interface Fault {
  readonly output: SiteOutput;
  readonly at: number;
  change(value: number): number;
}

const fault = vi.hoisted(() => ({ current: undefined as Fault | undefined, hidden: 0 }));

vi.mock('@arfuse/reference', async (original) => {
  const reference = await original<typeof Reference>();
  return {
    ...reference,
    executeSteps: (...given: Parameters<typeof reference.executeSteps>) => {
      fault.hidden = given[0].hidden;
      return reference.executeSteps(...given).map((results) => {
        const wrong = fault.current;
        const tensor = wrong && results[wrong.output];
        if (!wrong || !tensor) return results;
        const data = tensor.data.slice();
        data[wrong.at] = wrong.change(data[wrong.at]!);
        return { ...results, [wrong.output]: { ...tensor, data } };
      });
    },
  };
});

const grid = [...requestGrid()];
const request = (run: string, change: Partial<StepRequest> = {}, scheme?: string): StepRequest => {
  const found = grid.find(
    ({ stages, dtype }) =>
      formatStages(stages) === run &&
      dtype === 'bf16' &&
      (scheme === undefined || findStage(stages, 'quant')?.scheme === scheme),
  );
  if (!found) throw new Error(`the grid has no run ${run}`);
  return { ...found, ...change };
};
const RUN = 'all_reduce → residual → norm';
const HIDDEN = 256;
/** Doubled, an ordinary value is 128 representable ones of bf16 away. */
const doubled = (value: number): number => value * 2;
/** The next value of bf16 away from zero, for values that are no power of two. */
const next = (value: number): number =>
  value + Math.sign(value) * 2 ** (Math.floor(Math.log2(Math.abs(value))) - 7);

beforeEach(() => {
  fault.current = undefined;
});

describe('simulateOffer', () => {
  it.each([2, 4, 8, 16])('agrees with the oracle in a group of %i', (size) => {
    const group = { size, nodes: 1 };
    for (const reduceOrder of ['rank', 'ring', 'tree'] as const) {
      for (const accumulate of ['f32', 'io'] as const)
        expect(simulateOffer(request(RUN, { group }), { reduceOrder, accumulate })).toBeUndefined();
    }
  });

  it('agrees with the oracle for every run of the grid and every dtype', () => {
    const seen = new Set<string>();
    for (const asked of grid) {
      const key = JSON.stringify([asked.stages, asked.dtype]);
      if (seen.has(key)) continue;
      seen.add(key);
      for (const rounded of ['rounded', 'unrounded'] as const) {
        const quant = findStage(asked.stages, 'quant');
        const numerics = { normInput: rounded, ...(quant ? { quantInput: rounded } : {}) };
        expect(simulateOffer(asked, numerics), key).toBeUndefined();
      }
    }
    expect(seen.size).toBeGreaterThan(70);
  });

  it('gives every element a scale where 256 holds no whole number of groups', () => {
    const asked = request('all_reduce → norm → quant', {}, 'fp8_group');
    const stages = asked.stages.map((stage) =>
      stage.kind === 'quant' ? { ...stage, groupSize: 96 } : stage,
    );
    expect(simulateOffer({ ...asked, stages }, {})).toBeUndefined();
    expect(fault.hidden).toBe(192);
  });

  it.each<[string, string, Fault, RegExp]>([
    [
      'a reduced value',
      'all_reduce',
      { output: 'all_reduce', at: 3, change: next },
      /^output "all_reduce" differs by 1 ULP at rank 0, row 0, column 3: .*; 0 ULP are allowed\.$/,
    ],
    [
      'a residual',
      RUN,
      { output: 'residual', at: 5, change: next },
      /^output "residual" differs by 1 ULP at rank 0, row 0, column 5: .*; 0 ULP are allowed\.$/,
    ],
    [
      'a norm',
      RUN,
      { output: 'norm', at: 7, change: doubled },
      /^output "norm" differs by 128 ULP at rank 0, row 0, column 7: .*; 1 ULP are allowed\.$/,
    ],
    [
      'a first norm',
      'all_reduce → pre_norm',
      { output: 'pre_norm', at: 9, change: doubled },
      /^output "pre_norm" differs by 128 ULP at rank 0, row 0, column 9/,
    ],
    [
      'a residual behind a first norm',
      'pre_norm → residual → norm',
      { output: 'residual', at: 11, change: next },
      /^output "residual" differs by 1 ULP at rank 0, row 0, column 11: .*; 0 ULP are allowed\.$/,
    ],
    [
      'a norm behind a first norm',
      'pre_norm → residual → norm',
      { output: 'norm', at: 13, change: doubled },
      /^output "norm" differs by 128 ULP at rank 0, row 0, column 13/,
    ],
    [
      'a NaN that is lost',
      'all_reduce',
      { output: 'all_reduce', at: 5 * HIDDEN + 5, change: () => 0 },
      /^output "all_reduce" differs by Infinity ULP at rank 0, row 5, column 5: expected NaN, found 0/,
    ],
  ])('names %s that is wrong', (_, run, wrong, sentence) => {
    expect(simulateOffer(request(run), {})).toBeUndefined();
    fault.current = wrong;
    expect(simulateOffer(request(run), {})).toMatch(sentence);
  });

  it('names a wrong value of one all-reduce of an unmerged pair', () => {
    const asked = request('all_reduce', { stages: [{ kind: 'all_reduce', partial: 0 }] });
    expect(simulateOffer(asked, {})).toBeUndefined();
    fault.current = { output: 'all_reduce', at: HIDDEN + 1, change: doubled };
    expect(simulateOffer(asked, {})).toMatch(
      /^output "all_reduce" differs by 128 ULP at rank 0, row 1, column 1/,
    );
  });

  it('goes on from the first norm that was found, not from its own', () => {
    const asked = request('pre_norm → residual → norm');
    // One ULP is allowed for the first norm itself; the residual that was found was added to another.
    fault.current = { output: 'pre_norm', at: 9, change: next };
    expect(simulateOffer(asked, {})).toMatch(
      /^output "residual" differs by \d+ ULP at rank 0, row 0, column 9/,
    );
  });

  it.each(['fp8_token', 'fp8_group', 'nvfp4'])(
    'names wrong elements and scales of %s',
    (scheme) => {
      for (const quantInput of ['rounded', 'unrounded'] as const) {
        for (const output of ['quant', 'scale'] as const) {
          const asked = request('all_reduce → norm → quant', {}, scheme);
          fault.current = undefined;
          expect(simulateOffer(asked, { quantInput })).toBeUndefined();
          // The other sign is further than any code step.
          fault.current = { output, at: 0, change: (value) => -4 * value };
          expect(simulateOffer(asked, { quantInput })).toMatch(
            new RegExp(`^output "${output}" differs by \\d+ ULP at rank 0, row 0, column 0`),
          );
        }
      }
    },
  );
});

it('the kit reports arithmetic that disagrees under its own rule', () => {
  fault.current = { output: 'residual', at: 5, change: next };
  const found = checkConformance(acme()).checks.filter((check) => !check.passed);
  expect(found.map((check) => check.rule)).toEqual([
    expect.stringMatching(/^the declared record can be executed/),
  ]);
  expect(found[0]!.failure).toMatch(
    /^output "residual" differs by 1 ULP .* \[all_reduce → residual → norm\] writing/,
  );
});
