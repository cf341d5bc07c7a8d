import {
  type KernelOffer,
  NEVER_DEVIATIONS,
  NUMERICS_FIELDS,
  type NumericsField,
  type NumericsRecord,
  type StageKind,
  type StepRequest,
} from '@arfuse/contract';

/**
 * Rounding points that a kernel must state when it performs a stage. Attributes (weight bias and dtype, scale form, floor
 * and layout) are the site's: a kernel that cannot follow them refuses.
 */
const DECIDES: Readonly<Partial<Record<StageKind, readonly NumericsField[]>>> = {
  all_reduce: ['accumulate', 'reduceOrder', 'hopRounding', 'allReduceRounded'],
  pre_norm: ['preNormWeightMultiply'],
  norm: ['normInput', 'weightMultiply'],
  quant: ['quantInput', 'nan'],
};

type SiteAttribute = 'weightBias' | 'weightDtype' | 'scaleFloor' | 'scaleForm' | 'scaleLayout';

/** Every value that a field may have. The site's attributes are not listed: they equal the site's own. */
const VALUES: {
  readonly [F in Exclude<NumericsField, SiteAttribute>]: readonly NumericsRecord[F][];
} = {
  accumulate: ['f32', 'io', 'unspecified'],
  reduceOrder: ['rank', 'ring', 'tree', 'unspecified'],
  hopRounding: [true, false, 'unspecified'],
  allReduceRounded: [true, false],
  normInput: ['rounded', 'unrounded'],
  weightMultiply: ['before', 'after'],
  preNormWeightMultiply: ['before', 'after', null],
  quantInput: ['rounded', 'unrounded', null],
  nan: ['propagate', 'lost'],
  geometryInvariant: [true, false],
  mergedPartials: [true, false],
};

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  return value === null || typeof value === 'string' || typeof value === 'boolean';
}

/** What makes an offer no data: no two objects, or a parameter that JSON cannot hold. */
export function parameterFault(offer: KernelOffer): string | undefined {
  if (!isRecord(offer?.params) || !isRecord(offer.numerics))
    return 'offer() gave back no { params, numerics } of two objects.';
  const bad = Object.entries(offer.params).find(
    ([, value]) => !isScalar(value) && !(Array.isArray(value) && value.every(isScalar)),
  );
  return bad && `parameter "${bad[0]}" is no finite JSON scalar and no list of them.`;
}

/** What is wrong with the record of an offer, for the request that it answers. */
export function recordFault(
  request: StepRequest,
  numerics: Partial<NumericsRecord>,
): string | undefined {
  const known: readonly string[] = NUMERICS_FIELDS;
  const unknown = Object.keys(numerics).find((key) => !known.includes(key));
  if (unknown !== undefined) return `"${unknown}" is no field of the record.`;
  for (const [field, values] of Object.entries(VALUES)) {
    const value: unknown = numerics[field as NumericsField];
    if (value === undefined || (values as readonly unknown[]).includes(value)) continue;
    return `"${field}" is ${String(value)}; it may be ${values.map(String).join(', ')}.`;
  }
  const missing = request.stages
    .flatMap((stage) => DECIDES[stage.kind] ?? [])
    .find((field) => numerics[field] === undefined || numerics[field] === null);
  if (missing !== undefined) return `"${missing}" is not decided.`;
  const changed = NEVER_DEVIATIONS.find(
    (field) => numerics[field] !== undefined && numerics[field] !== request.numerics[field],
  );
  return (
    changed &&
    `"${changed}" is ${String(numerics[changed])}, the site has ${String(request.numerics[changed])}: such a request is to be refused.`
  );
}
