import {
  findStage,
  type PlanSegment,
  placeSteps,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import { executeSteps } from '../kernels/execute.ts';
import { scaleBytes } from '../kernels/scale-layout.ts';
import { SimulatedRanks } from '../ranks/simulated-ranks.ts';
import type { SiteInputs } from '../site.ts';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import { tensorBytes } from '../tensor/tensor-bytes.ts';

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
