import type { SiteOutput } from '@arfuse/contract';
import type { RefTensor } from '@arfuse/reference';
import { type Allowance, OutputComparer } from './compare.ts';
import type { EvaluatedClass } from './evaluated-class.ts';
import type { OutputComparison } from './report.ts';

/** Outputs before the quantiser: activations in the site's dtype. */
const ACTIVATIONS: readonly SiteOutput[] = ['all_reduce', 'pre_norm', 'residual', 'norm'];

/** Relative distance that float64 sums in another order may have. */
const FUNCTION_TOLERANCE = 1e-10;

/** Raw nodes and class are the same real-valued function, up to the quantiser. */
export function compareFunction({ site, prepared }: EvaluatedClass): OutputComparison[] {
  const { hidden, dtype } = site;
  const known = prepared[0]!.real;
  return ACTIVATIONS.filter((output) => known.has(output)).map((output) => {
    const comparer = new OutputComparer(
      'function',
      output,
      dtype,
      `equality to ${FUNCTION_TOLERANCE} of the row's largest value, in float64`,
    );
    for (const { tokens, real, ideal } of prepared) {
      const expected = real.get(output)!;
      comparer.add(
        tokens,
        expected,
        ideal.map((results) => results[output]!),
        rowTolerance(expected, hidden, FUNCTION_TOLERANCE),
      );
    }
    return comparer.result();
  });
}

/** A fraction of the largest finite value of the element's row. */
function rowTolerance(expected: readonly RefTensor[], hidden: number, fraction: number): Allowance {
  const limits = expected.map(({ data }) => {
    const limit = new Float64Array(data.length / hidden);
    for (let i = 0; i < data.length; i += 1) {
      const value = Math.abs(data[i]!);
      const row = Math.floor(i / hidden);
      if (Number.isFinite(value) && value > limit[row]!) limit[row] = value;
    }
    return limit;
  });
  return (index, _, rank) => fraction * limits[rank]![Math.floor(index / hidden)]!;
}
