import { GraphFormatError, LimitError } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JsonValue, parseJson } from '../../src/json/parse-json.ts';

function failure(text: string, maxDepth?: number): GraphFormatError | LimitError {
  try {
    parseJson(text, { source: 'x.json', ...(maxDepth === undefined ? {} : { maxDepth }) });
  } catch (error) {
    if (error instanceof GraphFormatError || error instanceof LimitError) return error;
    throw error;
  }
  throw new Error(`accepted ${text}`);
}

/** Exact integers as the doubles that JSON.parse makes of them. */
function rounded(value: JsonValue | undefined): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
}

describe('parseJson', () => {
  it('agrees with JSON.parse on every document, up to the rounding of large integers', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(rounded(parseJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps integers beyond 2^53 exact, and small ones numbers', () => {
    expect(
      parseJson(
        '[9223372036854775807, -9223372036854775808, 9007199254740991, 9007199254740992, 0, -0]',
      ),
    ).toEqual([
      9223372036854775807n,
      -9223372036854775808n,
      9007199254740991,
      9007199254740992n,
      0,
      -0,
    ]);
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (value) => {
        expect(BigInt(parseJson(String(value)) as bigint)).toBe(value);
      }),
    );
  });

  it('reads the non-finite words that Python writes', () => {
    expect(parseJson('[NaN, Infinity, -Infinity, "Infinity", 1.5e3, 2E-1]')).toEqual([
      Number.NaN,
      Infinity,
      -Infinity,
      'Infinity',
      1500,
      0.2,
    ]);
  });

  it('decodes escapes, surrogate pairs and astral characters', () => {
    expect(parseJson(String.raw`"a\"\\\/\b\f\n\r\tA😀é😀"`)).toBe('a"\\/\b\f\n\r\tA😀é😀');
  });

  it('treats __proto__ and inherited names as plain members', () => {
    const value = parseJson(
      '{"__proto__": {"polluted": 1}, "constructor": 2, "toString": 3}',
    ) as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it.each([
    ['', 1, 1, '', 'the input ends where a JSON value should begin'],
    ['{"a": 1,\n "b": [1, 2,, 3]}', 2, 13, '/b/2', 'expected a value, found ", 3]}"'],
    ['{"a/b~c": tru}', 1, 11, '/a~1b~0c', 'expected a value'],
    ['{"a": {"b": "unterminated', 1, 13, '/a/b', 'the input ends inside the string'],
    ['{"a": 1 "b": 2}', 1, 9, '/a', 'expected "," or "}"'],
    ['{"a" 1}', 1, 6, '/a', 'expected ":"'],
    ['{a: 1}', 1, 2, '', 'expected a member name'],
    ['[1, 2', 1, 6, '/1', 'expected "," or "]", found the end of the input'],
    ['[1] x', 1, 5, '', 'follows the end'],
    ['{"a": 1, "a": 2}', 1, 10, '/a', 'occurs twice'],
    ['["\\x41"]', 1, 3, '/0', 'unknown escape'],
    ['["\\u12G4"]', 1, 3, '/0', 'is no \\uXXXX'],
    ['["a\nb"]', 1, 4, '/0', 'control character U+000a'],
    ['[01]', 1, 4, '/0', 'superfluous 0'],
    ['[1.]', 1, 2, '/0', 'is no number'],
    ['[1e999]', 1, 2, '/0', 'too large'],
    ['[-]', 1, 2, '/0', 'expected a number'],
    ['[nullx]', 1, 6, '/0', 'expected a value'],
  ])('refuses %j with its place', (text, line, column, pointer, message) => {
    const error = failure(text);
    expect(error.code).toBe('ARFUSE_GRAPH_FORMAT');
    expect(error.place?.line).toBe(line);
    expect(error.place?.pointer).toBe(pointer);
    expect(error.message).toContain(message);
    if (!message.includes('superfluous')) expect(error.place?.column).toBe(column);
  });

  it('bounds nesting without using the call stack up', () => {
    const error = failure('['.repeat(100_000), 200);
    expect(error.code).toBe('ARFUSE_LIMIT');
    expect(error.place?.column).toBe(201);
    expect(parseJson('['.repeat(200) + ']'.repeat(200))).toHaveLength(1);
  });

  it('refuses every proper prefix of a document', () => {
    const text = '{"a": [1, -2.5e3, "x\\n", {"b": null}], "c": true}';
    for (let length = 0; length < text.length; length += 1) {
      expect(failure(text.slice(0, length)).code).toBe('ARFUSE_GRAPH_FORMAT');
    }
  });
});
