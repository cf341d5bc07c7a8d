import type { DType } from '@arfuse/contract';
import type { Dim } from '../dim/dim.ts';

/** A tensor as the capture describes it. */
export interface TensorType {
  readonly kind: 'tensor';
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  readonly strides?: readonly Dim[];
  readonly device?: string;
  /** Text of a wrapper such as `DTensor(…, S(0))`, when the annotation has one. */
  readonly wrapper?: string;
}

/** A symbolic scalar. */
export interface SymType {
  readonly kind: 'sym';
  readonly scalar: 'int' | 'float' | 'bool';
  readonly expr: Dim;
}

/** A tuple or list that is handled as one value. */
export interface ListType {
  readonly kind: 'list';
}

/** Something else, by the text that the capture gives it. */
export interface OpaqueType {
  readonly kind: 'opaque';
  readonly text: string;
}

/** What a capture says of a value. */
export type ValueType = TensorType | SymType | ListType | OpaqueType;

/** The last dimension when it is a constant, else undefined. */
export function lastDim(type: ValueType | null | undefined): number | undefined {
  if (type?.kind !== 'tensor') return undefined;
  const last = type.shape.at(-1);
  return typeof last === 'number' ? last : undefined;
}
