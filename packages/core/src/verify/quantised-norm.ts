import { findStage, type SiteClass, UnsupportedError } from '@arfuse/contract';
import type { Graph } from '@arfuse/graph';
import type { Evaluation, RefTensor, SiteResults } from '@arfuse/reference';
import { mapRanks } from './map-ranks.ts';

/** What the program's quantiser reads, `[rows, hidden]` per rank: as a real value, and with the program's dtypes. */
export interface QuantisedNorm {
  readonly real: readonly RefTensor[];
  readonly program: readonly RefTensor[];
}

/**
 * Finds what the program's quantiser reads, whether it escapes or not: of the values in the dtype in which the class says
 * that it is read, the one nearest to the class's norm. Being nearest is not being equal: that is compared apart.
 *
 * @returns undefined for a class without a quantiser
 * @throws UnsupportedError where no raw value has the shape and dtype of the norm
 */
export function quantisedNorm(
  site: SiteClass,
  graph: Graph,
  real: Evaluation,
  program: Evaluation,
  ideal: readonly SiteResults[],
): QuantisedNorm | undefined {
  if (!findStage(site.stages, 'quant')) return undefined;
  const expected = ideal[0]!.norm!;
  const dtype = site.numerics.quantInput === 'unrounded' ? 'f32' : site.dtype;
  let best: QuantisedNorm | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const node of graph.nodes) {
    for (const id of node.outputs) {
      const { type } = graph.value(id);
      if (type?.kind !== 'tensor' || type.dtype !== dtype) continue;
      const tensors = real.tensors(id);
      if (tensors[0]!.data.length !== expected.data.length) continue;
      const distance = distanceOf(expected.data, tensors[0]!.data);
      // The last of equal ones is the nearest to the quantiser.
      if (distance > least) continue;
      least = distance;
      const shaped = (tensor: RefTensor): RefTensor => ({ ...tensor, shape: expected.shape });
      best = { real: mapRanks(tensors, shaped), program: mapRanks(program.tensors(id), shaped) };
    }
  }
  if (best) return best;
  throw new UnsupportedError({
    message: `the slice of class ${site.id} holds no ${dtype} value that its quantiser could read.`,
    hint: 'A raw op that norms and quantises in one cannot be verified.',
    details: { class: site.id },
  });
}

/** Sum of the differences, each up to 1; places that are not finite count 0 where both are alike. */
function distanceOf(expected: Float64Array, found: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const [a, b] = [expected[i]!, found[i]!];
    if (a === b || (a !== a && b !== b)) continue;
    const difference = Math.abs(a - b);
    // Written so that NaN counts 1.
    if (difference < 1) sum += difference;
    else sum += 1;
  }
  return sum;
}
