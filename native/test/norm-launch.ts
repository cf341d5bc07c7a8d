import {
  findStage,
  type IoDType,
  type NumericsRecord,
  type SiteOutput,
  type Stage,
} from '@arfuse/contract';
import {
  type RefTensor,
  type SiteInputs,
  type SiteResults,
  scaleBytes,
  tensorBytes,
} from '@arfuse/reference';
import type {
  NativeDtype,
  NativeNorm,
  NativeNormLaunch,
  NativePrologue,
  NativeQuantiser,
} from '../src/index.ts';
import { codesOf, encoded } from './support.ts';

/** A run of stages after an all-reduce, with everything that a launch of the norm kernel needs. */
export interface NormCase {
  readonly rows: number;
  readonly hidden: number;
  readonly dtype: IoDType;
  /** Without the all-reduce. */
  readonly stages: readonly Stage[];
  readonly numerics: NumericsRecord;
  /** The reduced activations stand as the only partial of the only rank. */
  readonly inputs: SiteInputs;
}

const codes = ({ dtype, data }: RefTensor) => encoded(dtype as NativeDtype, data);
const POISON = 0xa5;

/** Output buffers by name, poisoned. */
export type Outputs = Partial<
  Record<SiteOutput, Uint8Array | Uint16Array | Uint32Array | Float32Array>
>;

function quantiser(
  { stages, numerics, inputs, rows, hidden }: NormCase,
  outputs: Outputs,
): NativeQuantiser | undefined {
  const quant = findStage(stages, 'quant');
  if (!quant) return undefined;
  const out = new Uint8Array((rows * hidden) / (quant.scheme === 'nvfp4' ? 2 : 1)).fill(POISON);
  outputs.quant = out;
  const given = inputs.scale && { scale: Float32Array.of(inputs.scale.data[0]!) };
  const common = {
    scheme: quant.scheme,
    roundedInput: numerics.quantInput !== 'unrounded',
    nan: numerics.nan,
    form: quant.scaleForm,
    out,
    ...given,
  };
  if (quant.scheme === 'fp8_static' || quant.scaleDtype === null) return common;
  const group = quant.groupSize ?? hidden;
  const logical: RefTensor = {
    dtype: quant.scaleDtype,
    shape: [rows, hidden / group],
    data: new Float64Array((rows * hidden) / group).fill(1),
  };
  const bytes = scaleBytes(logical, quant.scaleLayout).length;
  const scaleOut = (
    quant.scaleDtype === 'f32' ? new Float32Array(bytes / 4) : new Uint8Array(bytes)
  ).fill(POISON);
  outputs.scale = scaleOut;
  return {
    ...common,
    ...(quant.scheme === 'fp8_group' ? { group } : {}),
    floor: quant.scaleFloor ?? 0,
    scaleDtype: quant.scaleDtype as 'f32' | 'f8e8m0fnu' | 'f8e4m3fn',
    layout: quant.scaleLayout as Exclude<typeof quant.scaleLayout, 'none'>,
    scaleOut,
  };
}

/** The launch of a case, and the buffers that it writes. */
export function launchOf(given: NormCase): { launch: NativeNormLaunch; outputs: Outputs } {
  const { rows, hidden, dtype, stages, numerics, inputs } = given;
  const outputs: Outputs = {};
  const output = (name: SiteOutput) => {
    const made = codesOf(dtype, rows * hidden).fill(POISON);
    outputs[name] = made;
    return made;
  };
  const norm = (
    stage: Extract<Stage, { kind: 'norm' | 'pre_norm' }>,
    weight: RefTensor | undefined,
    weightMultiply: 'before' | 'after',
    name: SiteOutput,
  ): NativeNorm => ({
    eps: stage.eps,
    weightBias: stage.weightBias,
    weightMultiply,
    ...(weight ? { weight: codes(weight), weightDtype: weight.dtype as NativeDtype } : {}),
    out: output(name),
  });
  const prologues = stages.flatMap((stage): NativePrologue[] => {
    if (stage.kind === 'scale') return [{ factor: stage.factor }];
    if (stage.kind !== 'bias') return [];
    return [{ bias: codes(inputs.bias!), biasDtype: inputs.bias!.dtype as NativeDtype }];
  });
  const preNorm = findStage(stages, 'pre_norm');
  const residual = findStage(stages, 'residual');
  const last = findStage(stages, 'norm');
  const quant = quantiser(given, outputs);
  const launch: NativeNormLaunch = {
    dtype,
    rows,
    hidden,
    x: codes(inputs.partials[0]![0]!),
    prologues,
    ...(prologues.length > 0 ? { allReduceOut: output('all_reduce') } : {}),
    ...(preNorm
      ? {
          preNorm: norm(
            preNorm,
            inputs.preNormWeight,
            numerics.preNormWeightMultiply ?? preNorm.weightMultiply,
            'pre_norm',
          ),
        }
      : {}),
    ...(residual
      ? {
          residual: {
            x: codes(inputs.residual!),
            ...(residual.factor === null ? {} : { factor: residual.factor }),
            out: output('residual'),
          },
        }
      : {}),
    ...(last
      ? {
          norm: {
            ...norm(last, inputs.weight, numerics.weightMultiply, 'norm'),
            unroundedInput: numerics.normInput === 'unrounded',
          },
        }
      : {}),
    ...(quant ? { quant } : {}),
  };
  return { launch, outputs };
}

/** Bytes or codes that the reference says an output holds. */
export function expectedCodes(
  name: SiteOutput,
  results: SiteResults,
  { stages, dtype }: NormCase,
): ArrayLike<number> {
  const tensor = results[name]!;
  const quant = findStage(stages, 'quant');
  if (name === 'scale') {
    const bytes = scaleBytes(tensor, quant!.scaleLayout);
    return tensor.dtype === 'f32' ? new Float32Array(bytes.buffer) : bytes;
  }
  if (name === 'quant') return tensorBytes(tensor);
  return encoded(dtype, tensor.data);
}
