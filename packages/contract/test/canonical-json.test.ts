import { canonicalJson } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';

describe('canonicalJson', () => {
  it('sorts keys by code unit and leaves out white space and undefined members', () => {
    expect(canonicalJson({ b: 1, a: [true, null, 'x'], é: 2, Z: undefined })).toBe(
      '{"a":[true,null,"x"],"b":1,"é":2}',
    );
  });

  it('prints numbers as ECMAScript does, and bigints as integers', () => {
    expect(canonicalJson([1e-5, 1e-6, -0, 2 ** 53, 9223372036854775807n])).toBe(
      '[0.00001,0.000001,0,9007199254740992,9223372036854775807]',
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol('x')])(
    'refuses what JSON has no form for: %s',
    (value) => {
      expect(() => canonicalJson({ value })).toThrow(TypeError);
    },
  );
});
