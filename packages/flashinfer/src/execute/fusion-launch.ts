import {
  type BoundStep,
  type DevicePlace,
  PlanError,
  type SiteOutput,
  type StepDemand,
} from '@arfuse/contract';
import type { NativeFusionLaunch, NativeFusionPattern } from '@arfuse/native';
import { needsZeroResidual } from '../admit.ts';
import { type FusionRun, fusionRun, patternCode } from '../run.ts';
import type { Shot } from '../workspace.ts';

/** A step as the kernels see it. */
export interface FusionDemand {
  readonly shot: Shot;
  readonly run: FusionRun;
  readonly pattern: NativeFusionPattern;
  readonly pdl: boolean;
}

/** Places that a launch needs besides those of its step. */
export interface SparePlaces {
  /** An activation of zeros, for a norm without a residual. */
  readonly zeros: DevicePlace;
  /** Where a sum goes that nothing reads. */
  readonly unread: DevicePlace;
}

function refuse(demand: StepDemand, found: string): never {
  throw new PlanError({
    message: `${demand.kernel} cannot be launched as the plan says: ${found}.`,
    hint: 'Make the plan again with this release.',
    details: { kernel: demand.kernel, params: demand.params },
  });
}

/** What the kernel of a step computes. @throws PlanError for parameters that no kernel of this release has */
export function fusionDemand(demand: StepDemand): FusionDemand {
  const { kernel, params, stages } = demand;
  const shot = kernel.slice(kernel.lastIndexOf('/') + 1);
  if (shot !== 'one-shot' && shot !== 'two-shot') refuse(demand, 'there is no such kernel');
  const run = fusionRun(stages);
  if (!run) return refuse(demand, 'no pattern performs its stages');
  const writesNorm = demand.outputs.includes('norm');
  const pattern = patternCode(run, writesNorm);
  const wanted = {
    pattern,
    oneShot: shot === 'one-shot',
    fp32Acc: true,
    triggerCompletionAtEnd: true,
  };
  for (const [name, value] of Object.entries(wanted))
    if (params[name] !== value)
      refuse(demand, `${name} is ${String(params[name])}, and its stages need ${String(value)}`);
  if (typeof params.pdl !== 'boolean') refuse(demand, `pdl is ${String(params.pdl)}`);
  return { shot, run, pattern: pattern as NativeFusionPattern, pdl: params.pdl };
}

/** The result that the sum of all-reduce and residual is: without a residual, the all-reduce itself. */
const sumOf = (run: FusionRun): SiteOutput => (needsZeroResidual(run) ? 'all_reduce' : 'residual');

/** Whether a step writes a sum that nothing reads. */
export function writesUnread(demand: StepDemand): boolean {
  const { run } = fusionDemand(demand);
  return run.norm !== undefined && !demand.outputs.includes(sumOf(run));
}

/** Whether a step reads an activation of zeros. */
export function readsZeros(demand: StepDemand): boolean {
  return needsZeroResidual(fusionDemand(demand).run);
}

/** The places, and what is computed in them, of a bound step. */
export function fusionLaunch(
  step: BoundStep,
  { run, pattern }: FusionDemand,
  spare: SparePlaces,
): Pick<
  NativeFusionLaunch,
  | 'pattern'
  | 'input'
  | 'allReduceOut'
  | 'residual'
  | 'residualOut'
  | 'weight'
  | 'eps'
  | 'weightBias'
  | 'normOut'
  | 'quantOut'
  | 'scale'
  | 'scaleOut'
  | 'group'
  | 'layout'
> {
  const { inputs, results, carry } = step;
  const input = inputs[0]!;
  const { norm, quant } = run;
  if (!norm) return { pattern, input, allReduceOut: (results.all_reduce ?? carry)! };
  const first = norm.kind === 'pre_norm';
  const normOut = (first ? results.pre_norm : results.norm) ?? carry;
  return {
    pattern,
    input,
    residual: needsZeroResidual(run) ? spare.zeros : step.residual!,
    residualOut: results[sumOf(run)] ?? spare.unread,
    weight: (first ? step.preNormWeight : step.weight)!,
    eps: norm.eps,
    weightBias: norm.weightBias,
    ...(normOut ? { normOut } : {}),
    ...(quant
      ? {
          quantOut: results.quant!,
          ...(quant.scheme === 'fp8_static' || quant.scheme === 'nvfp4'
            ? { scale: step.scale! }
            : {}),
          ...(quant.scheme === 'fp8_static' ? {} : { scaleOut: results.scale! }),
          ...(quant.scheme === 'fp8_group' ? { group: quant.groupSize! } : {}),
          ...(quant.scheme === 'nvfp4'
            ? { layout: quant.scaleLayout === 'linear' ? 'linear' : 'swizzled_128x4' }
            : {}),
        }
      : {}),
  };
}
