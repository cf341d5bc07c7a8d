import {
  type BoundStep,
  type DevicePlace,
  type DType,
  findStage,
  type NormAttributes,
  type Stage,
  UnsupportedError,
} from '@arfuse/contract';
import type { OnDevice } from '../binding/binding.ts';
import type { NativeDtype } from '../binding/dtypes.ts';
import type {
  NativeNorm,
  NativeNormLaunch,
  NativePrologue,
  NativeQuantiser,
} from '../binding/norm.ts';

type Launch = OnDevice<NativeNormLaunch>;

const DTYPES: readonly string[] = ['bf16', 'f16', 'f32'];

function nativeDtype(dtype: DType, what: string): NativeDtype {
  if (DTYPES.includes(dtype)) return dtype as NativeDtype;
  throw new UnsupportedError({
    message: `the norm kernel reads a ${what} of bf16, f16 or f32; this one is ${dtype}.`,
    hint: 'Keep weights and biases in one of these dtypes.',
    details: { dtype },
  });
}

function required(place: DevicePlace | undefined, what: string): DevicePlace {
  if (place) return place;
  throw new UnsupportedError({
    message: `the norm kernel needs a buffer for ${what}, and none is bound.`,
    hint: 'Bind every buffer that the stages of the site name.',
  });
}

function norm(
  stage: NormAttributes,
  weight: DevicePlace | undefined,
  weightMultiply: 'before' | 'after',
  out: DevicePlace | undefined,
): OnDevice<NativeNorm> {
  return {
    eps: stage.eps,
    weightBias: stage.weightBias,
    weightMultiply,
    ...(stage.weightDtype === null
      ? {}
      : {
          weight: required(weight, 'the weight'),
          weightDtype: nativeDtype(stage.weightDtype, 'weight'),
        }),
    ...(out ? { out } : {}),
  };
}

function prologues(stages: readonly Stage[], bias: DevicePlace | undefined) {
  return stages.flatMap((stage): OnDevice<NativePrologue>[] => {
    if (stage.kind === 'scale') return [{ factor: stage.factor }];
    if (stage.kind !== 'bias') return [];
    return [{ bias: required(bias, 'the bias'), biasDtype: nativeDtype(stage.dtype, 'bias') }];
  });
}

function quantiser(step: BoundStep): OnDevice<NativeQuantiser> | undefined {
  const quant = findStage(step.stages, 'quant');
  if (!quant) return undefined;
  const { numerics, results } = step;
  const given = quant.scheme === 'fp8_static' || quant.scheme === 'nvfp4';
  const common = {
    scheme: quant.scheme,
    roundedInput: numerics.quantInput !== 'unrounded',
    nan: numerics.nan,
    form: quant.scaleForm,
    out: required(results.quant, 'the quantised result'),
    ...(given ? { scale: required(step.scale, 'the scale') } : {}),
  };
  if (quant.scheme === 'fp8_static' || quant.scaleDtype === null) return common;
  return {
    ...common,
    ...(quant.scheme === 'fp8_group' && quant.groupSize !== null ? { group: quant.groupSize } : {}),
    floor: quant.scaleFloor ?? 0,
    scaleDtype: quant.scaleDtype as 'f32' | 'f8e8m0fnu' | 'f8e4m3fn',
    layout: quant.scaleLayout as Exclude<typeof quant.scaleLayout, 'none'>,
    scaleOut: required(results.scale, 'the scales'),
  };
}

/**
 * The launch of arfuse's norm kernel for a step without an all-reduce: bias, scale, first norm, residual, norm and quantiser,
 * each where the run has it.
 * @throws UnsupportedError for a hidden size, dtype or missing buffer, by name
 */
export function normLaunch(step: BoundStep): Launch {
  const { dtype, hidden, stages, numerics, results, rows } = step;
  if (hidden % 8 !== 0 || hidden > 65_536) {
    throw new UnsupportedError({
      message: `the norm kernel takes rows of a multiple of 8 elements, up to 65,536; hidden is ${hidden}.`,
      hint: 'Plan such sites without @arfuse/native/norm, or leave them to the engine.',
      details: { hidden },
    });
  }
  const before = prologues(stages, step.bias);
  const preNorm = findStage(stages, 'pre_norm');
  const residual = findStage(stages, 'residual');
  const last = findStage(stages, 'norm');
  const quant = quantiser(step);
  const reduced = results.all_reduce ?? step.carry;
  return {
    dtype,
    rows: rows.max,
    hidden,
    x: required(step.inputs[0], 'the activations'),
    prologues: before,
    ...(before.length > 0 && reduced ? { allReduceOut: reduced } : {}),
    ...(preNorm
      ? {
          preNorm: norm(
            preNorm,
            step.preNormWeight,
            numerics.preNormWeightMultiply ?? preNorm.weightMultiply,
            results.pre_norm,
          ),
        }
      : {}),
    ...(residual
      ? {
          residual: {
            x: required(step.residual, 'the residual'),
            ...(residual.factor === null ? {} : { factor: residual.factor }),
            ...(results.residual ? { out: results.residual } : {}),
          },
        }
      : {}),
    ...(last
      ? {
          norm: {
            ...norm(last, step.weight, numerics.weightMultiply, results.norm),
            unroundedInput: numerics.normInput === 'unrounded' && residual !== undefined,
          },
        }
      : {}),
    ...(quant ? { quant } : {}),
  };
}
