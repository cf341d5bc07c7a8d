import {
  findStage,
  type IoDType,
  PlanError,
  type PlanSlice,
  type SiteClass,
} from '@arfuse/contract';
import { evaluateDim, type Graph, type Value, type ValueId } from '@arfuse/graph';
import {
  activationRows,
  Random,
  type RefTensor,
  ROW_KINDS,
  reshaped,
  type SimulatedRanks,
  type SiteInputs,
  scalar,
  sizeOf,
  vector,
} from '@arfuse/reference';
import type { BoundSlice } from './bind-rows.ts';
import { mapRanks } from './map-ranks.ts';

/** The same tensors as a site takes them and as the raw nodes take them. */
export interface BoundInputs {
  readonly site: SiteInputs;
  readonly raw: ReadonlyMap<ValueId, readonly RefTensor[]>;
}

/** The value of a name, or an error that says which part of the plan is damaged. */
export function valueNamed(graph: Graph, name: string, classId: string): Value {
  const value = graph.values.find((candidate) => candidate.name === name);
  if (!value) {
    throw new PlanError({
      message: `the slice of class ${classId} has no value "${name}".`,
      hint: 'The plan was edited by hand; make it again.',
      details: { class: classId, value: name },
    });
  }
  return value;
}

/** Shape of a value under an assignment of symbols, or the given one where it is untyped. */
export function shapeOf(
  value: Value,
  symbols: Readonly<Record<string, number>>,
  fallback: readonly number[],
): readonly number[] {
  if (value.type?.kind !== 'tensor') return fallback;
  const dims = value.type.shape.map((dim) => evaluateDim(dim, symbols));
  return dims.every((dim) => dim !== undefined) ? dims.map(Number) : fallback;
}

/**
 * A scale whose reciprocal is inexact in float32. The code 5·2⁻¹⁰ lies midway between two of e4m3's: divided by the scale,
 * `MIDWAY` gives it exactly and rounds to even, multiplied by the reciprocal it lies above and rounds up. So the two forms
 * of a scale give different bytes.
 */
const SCALE = 15 * 2 ** -11;
const MIDWAY = 5 * 2 ** -10 * SCALE;

/** Largest element of a row or group whose dynamic scale is `SCALE`. */
const LARGEST = 448 * SCALE;

/** Equal elements of the flat row: their norm is the weight itself. */
const FLAT = 1024;

/** Row counts above this have a flat row at their end; it takes no kind away. */
const KINDS = ROW_KINDS.length;

/** Dequantisation scale of static FP8, and the multiplied global scale of NVFP4: both use the format's range. */
function staticScale(site: SiteClass): number {
  return findStage(site.stages, 'quant')?.scheme === 'nvfp4' ? 448 : SCALE;
}

/** The rows with the last one replaced by equal elements. */
function withFlatRow(rows: RefTensor, hidden: number, value: number): RefTensor {
  if (rows.data.length <= KINDS * hidden) return rows;
  return { ...rows, data: rows.data.slice().fill(value, rows.data.length - hidden) };
}

/** The weight whose first two elements quantise to the largest code and to one midway between two. */
function withMidway(weight: RefTensor): RefTensor {
  const data = weight.data.slice();
  data.set([LARGEST, MIDWAY]);
  return { ...weight, data };
}

/**
 * Random inputs of one class for its slice: rows take every kind in turn (random, large, tiny, zero, infinity, NaN); the
 * special values stand in the first rank's partial. Quantised classes have a flat row besides.
 * @param entering - values that the raw nodes read and do not define
 */
export function makeInputs(
  site: SiteClass,
  slice: PlanSlice,
  bound: BoundSlice,
  ranks: SimulatedRanks,
  seed: number,
  entering: Iterable<ValueId>,
): BoundInputs {
  const { hidden, dtype } = site;
  const { graph, symbols, rows } = bound;
  const random = new Random(seed).fork(`${site.id}/${rows}`);
  const raw = new Map<ValueId, readonly RefTensor[]>();
  const everywhere = (tensor: RefTensor): RefTensor[] =>
    Array.from({ length: ranks.count }, () => tensor);
  const place = (name: string, tensors: readonly RefTensor[]): void => {
    const value = valueNamed(graph, name, site.id);
    const shape = shapeOf(value, symbols, tensors[0]!.shape);
    if (sizeOf(shape) !== tensors[0]!.data.length) {
      throw new PlanError({
        message: `value "${name}" of class ${site.id} has shape [${shape.join(', ')}], the class says ${tensors[0]!.data.length} elements.`,
        hint: 'Hidden size or row count of the class do not fit its slice; make the plan again.',
        details: { class: site.id, value: name },
      });
    }
    // A residual that the capture carries in f32 holds the same numbers in a wider dtype.
    const dtype = value.type?.kind === 'tensor' ? value.type.dtype : tensors[0]!.dtype;
    raw.set(
      value.id,
      mapRanks(tensors, (tensor) => ({ ...reshaped(tensor, shape), dtype })),
    );
  };
  const dtypeOf = (name: string, fallback: IoDType): RefTensor['dtype'] => {
    const { type } = valueNamed(graph, name, site.id);
    return type?.kind === 'tensor' ? type.dtype : fallback;
  };

  const isQuantised = findStage(site.stages, 'quant') !== undefined;
  const activations = (label: string, special: boolean, flat: number): RefTensor => {
    const made = activationRows(dtype, rows, hidden, random.fork(label), special);
    return isQuantised ? withFlatRow(made, hidden, flat) : made;
  };
  const partials = Array.from({ length: ranks.count }, (_, rank) =>
    slice.inputs.partials.map((_name, i) =>
      activations(`partial ${rank} ${i}`, rank === 0 && i === 0, FLAT),
    ),
  );
  slice.inputs.partials.forEach((name, i) => {
    place(
      name,
      partials.map((of) => of[i]!),
    );
  });
  const shared: {
    residual?: RefTensor;
    weight?: RefTensor;
    bias?: RefTensor;
    preNormWeight?: RefTensor;
    scale?: RefTensor;
  } = {};
  const share = (
    role: 'residual' | 'weight' | 'bias' | 'preNormWeight' | 'scale',
    tensor: (name: string) => RefTensor,
  ): void => {
    const name = slice.inputs[role];
    if (name === undefined) return;
    const made = tensor(name);
    shared[role] = made;
    place(name, everywhere(made));
  };
  share('residual', () => activations('residual', false, 0));
  share('weight', (name) => {
    const made = vector(dtypeOf(name, dtype), hidden, random.fork('weight'), 1);
    return isQuantised ? withMidway(made) : made;
  });
  share('preNormWeight', (name) =>
    vector(dtypeOf(name, dtype), hidden, random.fork('pre-norm weight'), 1),
  );
  share('bias', (name) => vector(dtypeOf(name, dtype), hidden, random.fork('bias'), 0));
  share('scale', () => scalar('f32', staticScale(site)));
  for (const input of entering) {
    const value = graph.value(input);
    if (raw.has(input) || value.type?.kind === 'sym') continue;
    // What only lends its shape: an output buffer, a metadata check.
    const shape = shapeOf(value, symbols, [rows, hidden]);
    const type = value.type?.kind === 'tensor' ? value.type.dtype : dtype;
    raw.set(
      input,
      everywhere({ dtype: type, shape, data: new Float64Array(sizeOf(shape)).fill(Number.NaN) }),
    );
  }
  return { site: { partials, ...shared }, raw };
}
