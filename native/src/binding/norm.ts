import type { NativeDtype } from './dtypes.ts';

/** A norm of a run. */
export interface NativeNorm {
  readonly eps: number;
  /** 1 for Gemma's `1 + w`. */
  readonly weightBias: 0 | 1;
  readonly weightMultiply: 'before' | 'after';
  /** `[hidden]`; left out for a norm without a weight. */
  readonly weight?: NodeJS.TypedArray;
  readonly weightDtype?: NativeDtype;
  /** `[rows, hidden]`; left out when nothing reads the result. */
  readonly out?: NodeJS.TypedArray;
}

/** The quantiser of a run. */
export interface NativeQuantiser {
  readonly scheme: 'fp8_static' | 'fp8_token' | 'fp8_group' | 'nvfp4';
  /** Whether it reads the normed value rounded to the activation dtype. */
  readonly roundedInput: boolean;
  readonly nan: 'propagate' | 'lost';
  readonly form: 'reciprocal' | 'divide';
  /** `[rows, hidden]` bytes of e4m3, or half as many of packed e2m1. */
  readonly out: Uint8Array;
  /** One float: the dequantisation scale (static FP8), or the global scale (NVFP4). */
  readonly scale?: Float32Array;
  /** Elements that share a scale (`fp8_group`): 8 times a power of two. */
  readonly group?: number;
  readonly floor?: number;
  readonly scaleDtype?: 'f32' | 'f8e8m0fnu' | 'f8e4m3fn';
  readonly layout?:
    | 'row_major'
    | 'linear'
    | 'column_major'
    | 'column_major_packed'
    | 'swizzled_128x4';
  readonly scaleOut?: NodeJS.TypedArray;
}

/** `x + bias` or `x * factor`, rounded to the activation dtype. */
export type NativePrologue =
  | { readonly bias: NodeJS.TypedArray; readonly biasDtype: NativeDtype }
  | { readonly factor: number };

/** One launch of arfuse's norm kernel: a contiguous run of the stages that follow an all-reduce. */
export interface NativeNormLaunch {
  readonly dtype: NativeDtype;
  readonly rows: number;
  /** A multiple of 8, at most 65,536. */
  readonly hidden: number;
  /** `[rows, hidden]`. */
  readonly x: NodeJS.TypedArray;
  /** Biases and factors between the all-reduce and what follows, in order; at most three. */
  readonly prologues?: readonly NativePrologue[];
  readonly allReduceOut?: NodeJS.TypedArray;
  readonly preNorm?: NativeNorm;
  readonly residual?: {
    readonly x: NodeJS.TypedArray;
    readonly factor?: number;
    readonly out?: NodeJS.TypedArray;
  };
  readonly norm?: NativeNorm & { readonly unroundedInput: boolean };
  readonly quant?: NativeQuantiser;
}
