import type { DType } from '@arfuse/contract';
import {
  exponentOf,
  FLOAT_FORMATS,
  type FloatFormat,
  roundTo,
  roundToFormat,
} from '../numeric/round.ts';

/**
 * e4m3 without saturation: the casts of PyTorch 2.11 give NaN beyond 448, where the quantisers clamp. 2.15 saturates;
 * programs that clamp first, as the captured ones do, are the same under both.
 */
const E4M3: FloatFormat = { ...FLOAT_FORMATS.f8e4m3fn!, overflow: 'infinity' };

const CASTS: ReadonlySet<DType> = new Set<DType>([
  ...(['f64', 'f32', 'bf16', 'f16', 'f8e4m3fn', 'f8e5m2', 'f8e8m0fnu', 'b8'] as const),
  ...(['i8', 'i16', 'i32', 'i64', 'u8', 'u16', 'u32', 'u64'] as const),
]);

/** Whether {@link castTo} knows the dtype. */
export function canCast(dtype: DType): boolean {
  return CASTS.has(dtype);
}

/**
 * A cast as PyTorch makes it. Every type narrower than float32 is reached through float32, so a float64 is rounded
 * twice.
 */
export function castTo(dtype: DType, x: number): number {
  switch (dtype) {
    case 'f64':
    case 'f32':
    case 'b8':
      return roundTo(dtype, x);
    case 'f8e4m3fn': {
      const rounded = roundToFormat(E4M3, Math.fround(x));
      return Number.isFinite(rounded) ? rounded : Number.NaN;
    }
    case 'f8e8m0fnu':
      return castToE8m0(Math.fround(x));
    case 'bf16':
    case 'f16':
    case 'f8e5m2':
      return roundTo(dtype, Math.fround(x));
    default:
      // Integers, which have no negative zero; anything else is refused.
      return roundTo(dtype, x) + 0;
  }
}

/** To the nearest power of two, 1.5 up; the sign is dropped. Below 2^-126 the midpoint goes down. */
function castToE8m0(x: number): number {
  const magnitude = Math.abs(x);
  if (!(magnitude < Number.POSITIVE_INFINITY)) return Number.NaN;
  if (magnitude < 2 ** -126) return magnitude > 2 ** -127 ? 2 ** -126 : 2 ** -127;
  const exponent = exponentOf(magnitude);
  const up = magnitude >= 1.5 * 2 ** exponent ? exponent + 1 : exponent;
  return up > 127 ? Number.NaN : 2 ** up;
}
