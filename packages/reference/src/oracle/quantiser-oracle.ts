import type { QuantAttributes } from '@arfuse/contract';
import { FLOAT_FORMATS, roundAll, roundTo } from '../numeric/round.ts';
import type { SiteResults } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';

/** A scale as it is stored, and what a group's elements are multiplied with or divided by. */
interface Scale {
  readonly stored: number;
  readonly by: number;
  readonly divides: boolean;
}

/** Scale of one group from its largest absolute value. */
function scaleOf(
  largest: number,
  attributes: QuantAttributes,
  limit: number,
  given: number,
): Scale {
  if (attributes.scheme === 'nvfp4') {
    const stored = roundTo(
      'f8e4m3fn',
      Math.fround(given * Math.fround(largest * Math.fround(1 / limit))),
    );
    return { stored, by: stored === 0 ? 0 : Math.fround(given / stored), divides: false };
  }
  let scale = given;
  if (attributes.scheme !== 'fp8_static') {
    scale = Math.fround(largest / limit);
    // Written so that NaN stays.
    if (scale < Math.fround(attributes.scaleFloor ?? 0))
      scale = Math.fround(attributes.scaleFloor ?? 0);
  }
  // An infinite UE8M0 scale is stored as NaN, but still divides.
  const stored = attributes.scaleDtype === 'f8e8m0fnu' ? roundTo('f8e8m0fnu', scale) : scale;
  const used = scale === Number.POSITIVE_INFINITY ? scale : stored;
  return attributes.scaleForm === 'divide'
    ? { stored, by: used, divides: true }
    : { stored, by: Math.fround(1 / used), divides: false };
}

/** Largest absolute value of a group. A lost NaN is passed over; NVFP4 starts from an element, so NaN alone stays. */
function largestOf(
  x: Float64Array,
  start: number,
  end: number,
  attributes: QuantAttributes,
  nan: 'propagate' | 'lost',
): number {
  let largest = 0;
  let numbers = 0;
  for (let i = start; i < end; i += 1) {
    if (Number.isNaN(x[i]!)) continue;
    numbers += 1;
    largest = Math.max(largest, Math.abs(x[i]!));
  }
  const isNan =
    nan === 'propagate' ? numbers < end - start : attributes.scheme === 'nvfp4' && numbers === 0;
  return isNan ? Number.NaN : largest;
}

/** Elements and scales that a quantiser must give for a norm that is already known, in the activation dtype. */
export function quantiserOracle(
  normed: RefTensor,
  attributes: QuantAttributes,
  nan: 'propagate' | 'lost',
  scale: number | undefined,
): SiteResults {
  const { data: x } = normed;
  const [rows = 0, hidden = 0] = normed.shape;
  const limit = FLOAT_FORMATS[attributes.outputDtype]?.maxFinite ?? 448;
  const given = Math.fround(scale ?? 1);
  const isStatic = attributes.scheme === 'fp8_static';
  const size = attributes.groupSize ?? hidden;
  const elements = new Float64Array(x.length);
  const scales = new Float64Array(x.length / size);
  for (let group = 0; group < scales.length; group += 1) {
    const [start, end] = [group * size, (group + 1) * size];
    const { stored, by, divides } = scaleOf(
      isStatic ? 0 : largestOf(x, start, end, attributes, nan),
      attributes,
      limit,
      given,
    );
    scales[group] = stored;
    for (let i = start; i < end; i += 1) elements[i] = divides ? x[i]! / by : x[i]! * by;
  }
  roundAll('f32', elements);
  if (nan === 'lost' && attributes.scheme !== 'nvfp4') {
    for (let i = 0; i < elements.length; i += 1)
      if (Number.isNaN(elements[i]!)) elements[i] = -limit;
  }
  // Both formats saturate, and e2m1 has no NaN.
  roundAll(attributes.outputDtype, elements);
  return {
    quant: { dtype: attributes.outputDtype, shape: [rows, hidden], data: elements },
    ...(isStatic
      ? {}
      : {
          scale: {
            dtype: attributes.scaleDtype ?? 'f32',
            shape: [rows, hidden / size],
            data: scales,
          },
        }),
  };
}
