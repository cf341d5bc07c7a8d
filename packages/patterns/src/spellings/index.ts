import { ALL_REDUCE_SPELLINGS } from './all-reduce.ts';
import { DECOMPOSED_NORM } from './norm-decomposed.ts';
import { NORM_OP_SPELLINGS } from './norm-ops.ts';
import { NATIVE_FP8 } from './quant-native.ts';
import { QUANT_OP_SPELLINGS } from './quant-ops.ts';
import type { Spelling } from './spelling.ts';
import { TRITON_KERNEL } from './triton-kernel.ts';

/** Every way of writing a canonical op that is known without asking. */
export const DEFAULT_SPELLINGS: readonly Spelling[] = [
  ...ALL_REDUCE_SPELLINGS,
  ...NORM_OP_SPELLINGS,
  DECOMPOSED_NORM,
  ...QUANT_OP_SPELLINGS,
  NATIVE_FP8,
  TRITON_KERNEL,
];
