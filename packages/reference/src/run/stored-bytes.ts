import {
  findStage,
  itemsize,
  type PlanSegment,
  placeSteps,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import { executeSteps } from '../kernels/execute.ts';
import { scaleBytes, scaleSize, scalesFromBytes } from '../kernels/scale-layout.ts';
import { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { SiteInputs } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import { tensorBytes, tensorFromBytes } from '../tensor/tensor-bytes.ts';

/** Results of a site on one rank as kernels store them. */
export type ResultBytes = Readonly<Partial<Record<SiteOutput, Uint8Array>>>;

/** Inputs of a site as device memory holds them: partials by rank, and what all ranks share. */
export interface SiteInputBytes {
  readonly partials: readonly (readonly Uint8Array[])[];
  readonly shared: Readonly<Partial<Record<Exclude<keyof SiteInputs, 'partials'>, Uint8Array>>>;
}

/** Bytes of made-up inputs. */
export function siteInputBytes({ partials, ...shared }: SiteInputs): SiteInputBytes {
  return {
    partials: partials.map((of) => of.map(tensorBytes)),
    shared: Object.fromEntries(
      Object.entries(shared).map(([name, tensor]) => [name, tensorBytes(tensor as RefTensor)]),
    ),
  };
}

/** Bytes of a result as a kernel stores it; scales have layouts of their own. */
export function storedBytes(
  { stages }: Pick<SiteClass, 'stages'>,
  name: SiteOutput,
  tensor: RefTensor,
): Uint8Array {
  const quant = findStage(stages, 'quant');
  return name === 'scale' && quant ? scaleBytes(tensor, quant.scaleLayout) : tensorBytes(tensor);
}

/** Bytes in which a kernel stores a result of so many rows. */
export function storedSize(
  { stages, hidden, dtype }: Pick<SiteClass, 'stages' | 'hidden' | 'dtype'>,
  name: SiteOutput,
  rows: number,
): number {
  const quant = findStage(stages, 'quant');
  if (name === 'quant' && quant)
    return (rows * hidden * itemsize(quant.outputDtype)) / (quant.scheme === 'nvfp4' ? 2 : 1);
  if (name !== 'scale' || !quant) return rows * hidden * itemsize(dtype);
  const groups = quant.groupSize === null ? 1 : hidden / quant.groupSize;
  return scaleSize(quant.scaleDtype ?? 'f32', quant.scaleLayout, [rows, groups]);
}

/**
 * A result as a tensor, from the bytes in which a kernel stored it; scales become logical, `[rows, groups]`.
 * @returns `padded` is false where a byte that pads scales is not zero
 */
export function storedTensor(
  { stages, hidden, dtype }: Pick<SiteClass, 'stages' | 'hidden' | 'dtype'>,
  name: SiteOutput,
  rows: number,
  bytes: Uint8Array,
): { tensor: RefTensor; padded: boolean } {
  const quant = findStage(stages, 'quant');
  const shape = [rows, hidden];
  if (name === 'quant' && quant)
    return { tensor: tensorFromBytes(quant.outputDtype, shape, bytes), padded: true };
  if (name !== 'scale' || !quant)
    return { tensor: tensorFromBytes(dtype, shape, bytes), padded: true };
  const groups = quant.groupSize === null ? 1 : hidden / quant.groupSize;
  const { scaleDtype, scaleLayout } = quant;
  const { scales, padded } = scalesFromBytes(
    scaleDtype ?? 'f32',
    scaleLayout,
    [rows, groups],
    bytes,
  );
  return { tensor: scales, padded };
}

/**
 * What the steps of a segment leave by their own record, bit for bit.
 * @returns bytes by rank
 */
export function expectedBytes(
  site: SiteClass,
  segment: Pick<PlanSegment, 'steps' | 'numerics'>,
  inputs: SiteInputs,
): ResultBytes[] {
  const steps = placeSteps(site, segment.steps).map(({ stages }) => ({
    stages,
    numerics: segment.numerics,
  }));
  const ranks = new SimulatedRanks([{ name: 'group', size: inputs.partials.length }]);
  return executeSteps({ ...site, group: 0 }, steps, inputs, ranks).map((results) =>
    Object.fromEntries(
      site.outputs.flatMap((name) => {
        const tensor = results[name];
        return tensor ? [[name, storedBytes(site, name, tensor)]] : [];
      }),
    ),
  );
}
