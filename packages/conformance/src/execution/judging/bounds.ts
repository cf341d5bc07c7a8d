import {
  type DType,
  findStage,
  type IoDType,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import type { ExecutionCase } from '../cases/expected.ts';

/** Distances that results may have. */
export interface Bound {
  /** 0: the same values. */
  readonly ulps: number;
  readonly why: string;
}

/**
 * Sums of squares in another order round a norm to the other side in 16 bits. In float32 nothing hides the order: with up to
 * 40 roundings on the way, halved by the root, both stay within 16 ULP.
 */
const normUlps = (dtype: DType): number => (dtype === 'f32' ? 16 : 1);

/** ULP of float32 in one of the dtype. */
const STEP_IN_F32: Readonly<Record<IoDType, number>> = { bf16: 2 ** 16, f16: 2 ** 13, f32: 1 };

/**
 * ULP of float32 that a scale moves with its norm: `norm / 448`, and 448 is 7/4 of a power of two, so that a step at the
 * bottom of the norm's binade is 8/7 of as many steps in the binade of the scale. The quotient rounds too, and so may a norm
 * that is read before its rounding.
 */
const scaleUlps = (dtype: IoDType): number =>
  Math.ceil((STEP_IN_F32[dtype] * normUlps(dtype) * 8) / 7) + 16;

/** Whether the order of the sum is left open, so that only sums that are exact in any order can be foretold. */
export function sumIsOpen({ segment: { numerics } }: Pick<ExecutionCase, 'segment'>): boolean {
  return (
    numerics.reduceOrder === 'unspecified' ||
    numerics.accumulate === 'unspecified' ||
    numerics.hopRounding === 'unspecified'
  );
}

/**
 * How far each result may be from what its record says. Sums are exact, whatever kernel makes them. Norms, and what follows
 * from them, are exact for kernels that claim the reference's own order of additions.
 *
 * @param exact - whether a kernel, by id, claims so
 */
export function boundsOf(
  { site, segment }: Pick<ExecutionCase, 'site' | 'segment'>,
  exact: (kernel: string) => boolean,
): ReadonlyMap<SiteOutput, Bound> {
  const inexact = segment.steps.some(
    ({ kernel, covers }) =>
      !exact(kernel) && covers.some((kind) => kind === 'norm' || kind === 'pre_norm'),
  );
  const same: Bound = { ulps: 0, why: 'it is exact by its record' };
  const other = 'a norm adds its squares in an order of its own';
  const most = (output: SiteOutput): Bound => {
    if (!inexact) return same;
    if (output === 'norm' || output === 'pre_norm')
      return { ulps: normUlps(site.dtype), why: other };
    if (output === 'quant') return { ulps: 1, why: `${other}, and is quantised` };
    if (output !== 'scale') return same;
    const quant = findStage(site.stages, 'quant');
    const ulps = quant?.scaleDtype === 'f32' ? scaleUlps(site.dtype) : 1;
    return { ulps, why: `${other}, and scales follow from it` };
  };
  return new Map(site.outputs.map((output) => [output, most(output)]));
}

/** Dtype of the codes of a result. */
export function outputDtype(site: SiteClass, output: SiteOutput): DType {
  const quant = findStage(site.stages, 'quant');
  if (output === 'quant' && quant) return quant.outputDtype;
  if (output === 'scale' && quant?.scaleDtype) return quant.scaleDtype;
  return site.dtype;
}
