import type { DType } from '@arfuse/contract';
import type { Arg } from '@arfuse/graph';
import type { RefTensor } from '../tensor/ref-tensor.ts';

/** What an argument or a result is on one rank. */
export type RawValue =
  | RefTensor
  | number
  | boolean
  | string
  | null
  | { readonly dtype_: DType }
  | { readonly range: readonly [RawValue, RawValue, RawValue] }
  | { readonly ellipsis: true }
  | { readonly other: Arg }
  | readonly RawValue[];

export function isTensor(value: RawValue | undefined): value is RefTensor {
  return typeof value === 'object' && value !== null && 'data' in value;
}

export function isList(value: RawValue | undefined): value is readonly RawValue[] {
  return Array.isArray(value);
}

export function dtypeOf(value: RawValue | undefined): DType | undefined {
  return typeof value === 'object' && value !== null && 'dtype_' in value
    ? value.dtype_
    : undefined;
}
