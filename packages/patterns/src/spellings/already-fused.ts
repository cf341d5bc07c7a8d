import type {
  DType,
  IoDType,
  NormStage,
  PreNormStage,
  QuantAttributes,
  SiteOutput,
  Stage,
} from '@arfuse/contract';
import { isIoDType } from '@arfuse/contract';
import type { Arg, Node, ValueId } from '@arfuse/graph';
import { argOf, boolOf, isNone, numberOf, valueOf } from '../flow/args.ts';
import { numericsOf } from '../fusions/numerics.ts';
import { patternName } from '../fusions/pattern-name.ts';
import type { AlreadyFused } from '../matching.ts';
import { groupName } from './all-reduce.ts';
import type { FusedKind, FusedRow } from './fused-ops.ts';
import type { LiftContext } from './spelling.ts';
import { resolveWeight } from './weight.ts';

/** What FlashInfer's quantisers compute. */
const QUANTS: Readonly<Record<QuantAttributes['scheme'], QuantAttributes>> = {
  fp8_token: {
    scheme: 'fp8_token',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / (448 * 512),
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  fp8_group: {
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 128,
    scaleDtype: 'f8e8m0fnu',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    scaleLayout: 'column_major_packed',
  },
  fp8_static: {
    scheme: 'fp8_static',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  nvfp4: {
    scheme: 'nvfp4',
    outputDtype: 'f4e2m1fnx2',
    groupSize: 16,
    scaleDtype: 'f8e4m3fn',
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'swizzled_128x4',
  },
};

/** What a call does by its code, undefined when it does not norm. */
function kindOf(row: FusedRow, arg: (param: string) => Arg | undefined): FusedKind | undefined {
  if (row.onlyWith !== undefined) {
    const given = arg(row.onlyWith);
    if (isNone(given) || boolOf(given) === false) return undefined;
  }
  if (!row.code) return row.kind;
  const code = codeOf(arg(row.code.param), row.code.names);
  return code === undefined ? undefined : row.code.kinds[code];
}

/** A code that is given as a number, or as the name of an enum's member. */
export function codeOf(arg: Arg | undefined, names: readonly string[] = []): number | undefined {
  if (arg?.kind !== 'enum') return numberOf(arg);
  const code = names.indexOf(arg.value.slice(arg.value.lastIndexOf('.') + 1));
  return code < 0 ? undefined : code;
}

/**
 * Reads an op that an engine has fused before the capture. What stands before the all-reduce inside the op, such as the
 * sum over a row's experts, is no stage: the stages say what arfuse would run instead of the rest.
 *
 * @returns undefined when the call does not norm, or leaves out what its class is made of
 */
export function readFused(
  row: FusedRow,
  node: Node,
  context: LiftContext,
): AlreadyFused | undefined {
  const { graph, flow } = context;
  const arg = (param: string): Arg | undefined => argOf(node, row.params, param);
  const value = (param: string): ValueId | undefined => valueOf(arg(param));
  const kind = kindOf(row, arg);
  const input = value(row.input);
  if (!kind || input === undefined) return undefined;
  const hidden = flow.lastDim(input);
  const dtype = flow.dtype(input);
  const epsArg = arg(row.eps);
  const eps = isNone(epsArg) ? row.defaultEps : numberOf(epsArg);
  if (hidden === undefined || dtype === undefined || !isIoDType(dtype) || eps === undefined)
    return undefined;

  const operand = value(row.weight);
  const weight = operand === undefined ? undefined : resolveWeight(operand, context);
  const offset = row.weightBias === undefined ? 0 : numberOf(arg(row.weightBias));
  const added =
    row.normOut === undefined
      ? kind.residual !== false && !isNone(arg(row.residual))
      : isNone(arg(row.normOut));
  const bias = row.bias === undefined ? undefined : value(row.bias);
  const norm: NormStage = {
    kind: 'norm',
    eps,
    weightDtype: weight === undefined ? null : (weight.dtype ?? dtype),
    weightBias: offset === 1 ? 1 : (weight?.bias ?? 0),
  };
  const quant = kind.quant === 'none' ? undefined : QUANTS[kind.quant];
  const stages: Stage[] = [
    { kind: 'all_reduce' },
    ...(bias === undefined ? [] : [{ kind: 'bias', dtype: flow.dtype(bias) ?? dtype } as const]),
    ...(kind.preNorm ? [preNormOf(eps, dtype)] : []),
    ...(added ? [{ kind: 'residual', factor: null } as const] : []),
    norm,
    ...(quant ? [{ kind: 'quant', ...quant } as const] : []),
  ];
  const outputs: SiteOutput[] = [
    ...(added ? ['residual' as const] : row.normOut === undefined ? [] : ['all_reduce' as const]),
    ...(kind.norm ? ['norm' as const] : []),
    ...(quant ? ['quant' as const] : []),
    ...(quant && quant.scheme !== 'fp8_static' ? ['scale' as const] : []),
  ];
  const inF32 = row.fp32Acc === undefined ? undefined : boolOf(arg(row.fp32Acc));
  return {
    node: node.id,
    pattern: patternName(stages),
    stages,
    numerics: {
      ...numericsOf({
        norm,
        quant,
        normInput: added ? (row.normInput ?? 'rounded') : 'rounded',
        weightMultiply: 'before',
        preNormWeightMultiply: kind.preNorm ? 'before' : null,
        quantInput: quant ? 'rounded' : null,
        // The kernels keep a NaN under a given scale; their dynamic scales leave it out.
        nan: quant === undefined || quant.scheme === 'fp8_static' ? 'propagate' : 'lost',
      }),
      ...(inF32 === undefined ? {} : { accumulate: inF32 ? ('f32' as const) : ('io' as const) }),
      ...row.numerics,
    },
    hidden,
    dtype,
    group: groupName(graph, row.group === undefined ? node.kwargs.group_name : arg(row.group)),
    outputs,
    ...(kind.moeFinalize ? { moeFinalize: true } : {}),
  };
}

/** TensorRT-LLM's norm before the residual: it shares the eps, and its weight is in the activation dtype. */
function preNormOf(eps: number, dtype: IoDType): PreNormStage {
  return {
    kind: 'pre_norm',
    eps,
    weightDtype: dtype satisfies DType,
    weightBias: 0,
    weightMultiply: 'before',
  };
}
