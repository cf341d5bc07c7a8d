import { GraphFormatError, LimitError, type Place } from '@arfuse/contract';
import { exactInteger, MAX_DIGITS } from '../integers.ts';
import { cut, quote } from '../quote.ts';

/** A JSON value in which integers beyond 2^53 are exact. */
export type JsonValue = null | boolean | number | bigint | string | JsonArray | JsonObject;
/** A JSON list. */
export type JsonArray = readonly JsonValue[];
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** How {@link parseJson} reads. */
export interface JsonOptions {
  /** Name of the input, for errors. */
  readonly source?: string;
  /** Deepest nesting of arrays and objects; 200 when not given. */
  readonly maxDepth?: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** RFC 6901 pointer of a path. */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The pointer for an error: long keys are cut. */
export function errorPointer(path: readonly (string | number)[]): string {
  return jsonPointer(path.map((key) => (typeof key === 'string' ? cut(key) : key)));
}

/** Line and column, from 1, of an offset in a text. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < offset; end = text.indexOf('\n', start)) {
    line += 1;
    start = end + 1;
  }
  return { line, column: offset - start + 1 };
}

class JsonParser {
  readonly #text: string;
  readonly #source: string | undefined;
  readonly #maxDepth: number;
  /** Key of the member being read at each depth. */
  readonly #path: (string | number)[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string, options: JsonOptions) {
    this.#text = text;
    this.#source = options.source;
    this.#maxDepth = options.maxDepth ?? 200;
  }

  document(): JsonValue {
    this.#space();
    if (this.#at >= this.#text.length)
      this.#fail('the input ends where a JSON value should begin.');
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length)
      this.#fail(`${this.#here()} follows the end of the JSON document.`);
    return value;
  }

  #value(): JsonValue {
    const code = this.#text.charCodeAt(this.#at);
    if (code === QUOTE) return this.#string();
    if (code === 0x7b) return this.#object();
    if (code === 0x5b) return this.#array();
    if ((code >= 0x30 && code <= 0x39) || code === 0x2d) return this.#number();
    return this.#word();
  }

  #object(): JsonObject {
    const text = this.#text;
    const object: Record<string, JsonValue> = {};
    this.#enter();
    const depth = this.#depth - 1;
    this.#at += 1;
    this.#space();
    if (text.charCodeAt(this.#at) === 0x7d) return this.#leave(object);
    for (;;) {
      if (text.charCodeAt(this.#at) !== QUOTE)
        this.#fail(`expected a member name or "}", found ${this.#here()}.`);
      const keyAt = this.#at;
      const key = this.#string();
      this.#path[depth] = key;
      // Inherited names such as "constructor" are no duplicates.
      if (object[key] !== undefined && Object.hasOwn(object, key)) {
        this.#at = keyAt;
        this.#fail(`the member ${quote(key)} occurs twice in one object.`);
      }
      this.#space();
      if (text.charCodeAt(this.#at) !== 0x3a) this.#fail(`expected ":", found ${this.#here()}.`);
      this.#at += 1;
      this.#space();
      const value = this.#value();
      if (key === '__proto__') {
        Object.defineProperty(object, key, {
          value,
          enumerable: true,
          writable: true,
          configurable: true,
        });
      } else object[key] = value;
      this.#space();
      const next = text.charCodeAt(this.#at);
      if (next === 0x7d) return this.#leave(object);
      if (next !== 0x2c) this.#fail(`expected "," or "}", found ${this.#here()}.`);
      this.#at += 1;
      this.#space();
    }
  }

  #array(): JsonArray {
    const text = this.#text;
    const array: JsonValue[] = [];
    this.#enter();
    const depth = this.#depth - 1;
    this.#at += 1;
    this.#space();
    if (text.charCodeAt(this.#at) === 0x5d) return this.#leave(array);
    for (;;) {
      this.#path[depth] = array.length;
      array.push(this.#value());
      this.#space();
      const next = text.charCodeAt(this.#at);
      if (next === 0x5d) return this.#leave(array);
      if (next !== 0x2c) this.#fail(`expected "," or "]", found ${this.#here()}.`);
      this.#at += 1;
      this.#space();
    }
  }

  #enter(): void {
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) {
      throw new LimitError({
        message: `arrays and objects are nested deeper than ${this.#maxDepth} levels.`,
        hint: 'Raise limits.maxDepth if the file is to be trusted.',
        place: this.#place(),
        details: { maxDepth: this.#maxDepth },
      });
    }
  }

  #leave<T>(container: T): T {
    this.#at += 1;
    this.#depth -= 1;
    this.#path.length = this.#depth;
    return container;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at + 1;
    for (let at = start; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        this.#at = at + 1;
        return text.slice(start, at);
      }
      if (code === BACKSLASH || code < 0x20) return this.#escapedString(start, at);
    }
    return this.#unterminated();
  }

  #escapedString(start: number, firstEscape: number): string {
    const text = this.#text;
    const parts: string[] = [];
    let from = start;
    for (let at = firstEscape; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code === QUOTE) {
        parts.push(text.slice(from, at));
        this.#at = at + 1;
        return parts.join('');
      }
      if (code < 0x20) {
        this.#at = at;
        this.#fail(`a string holds the control character U+${code.toString(16).padStart(4, '0')}.`);
      }
      if (code !== BACKSLASH) continue;
      parts.push(text.slice(from, at));
      const letter = text[at + 1] ?? '';
      if (letter === 'u') {
        const digits = text.slice(at + 2, at + 6);
        if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
          this.#at = at;
          this.#fail(`the escape ${JSON.stringify(text.slice(at, at + 6))} is no \\uXXXX.`);
        }
        parts.push(String.fromCharCode(Number.parseInt(digits, 16)));
        at += 5;
      } else {
        const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
        if (plain === undefined) {
          this.#at = at;
          this.#fail(`unknown escape ${JSON.stringify(`\\${letter}`)} in a string.`);
        }
        parts.push(plain!);
        at += 1;
      }
      from = at + 1;
    }
    return this.#unterminated();
  }

  #unterminated(): never {
    return this.#fail('the input ends inside the string that begins here.');
  }

  #number(): number | bigint {
    const text = this.#text;
    const start = this.#at;
    let at = start;
    if (text.charCodeAt(at) === 0x2d) at += 1;
    if (text.startsWith('Infinity', at)) {
      this.#at = at + 8;
      return Number.NEGATIVE_INFINITY;
    }
    const digits = at;
    let value = 0;
    let code = text.charCodeAt(at);
    while (code >= 0x30 && code <= 0x39) {
      value = value * 10 + (code - 0x30);
      at += 1;
      code = text.charCodeAt(at);
    }
    const count = at - digits;
    if (count === 0) this.#fail(`expected a number, found ${this.#here()}.`);
    if (count > 1 && text.charCodeAt(digits) === 0x30)
      this.#fail('a number begins with a superfluous 0.');
    if (code === 0x2e || code === 0x65 || code === 0x45) return this.#float(start, at);
    this.#at = at;
    const negative = digits > start;
    if (count <= 15) return negative ? -value : value;
    const exact = exactInteger(text.slice(start, at));
    if (exact !== undefined) return exact;
    this.#at = start;
    return this.#fail(`an integer has ${count} digits; the most are ${MAX_DIGITS}.`);
  }

  #float(start: number, fraction: number): number {
    const matcher = /(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    matcher.lastIndex = fraction;
    const rest = matcher.exec(this.#text)?.[0] ?? '';
    const end = fraction + rest.length;
    if (rest === '' || /[.eE\d]/.test(this.#text[end] ?? '')) {
      this.#fail(`${quote(this.#text.slice(start, end + 1))} is no number.`);
    }
    const value = Number(this.#text.slice(start, end));
    if (!Number.isFinite(value))
      this.#fail(`the number ${cut(this.#text.slice(start, end))} is too large for a double.`);
    this.#at = end;
    return value;
  }

  #word(): JsonValue {
    const text = this.#text;
    for (const [word, value] of WORDS) {
      if (!text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      if (/[A-Za-z0-9_]/.test(text[this.#at] ?? '')) break;
      return value;
    }
    return this.#fail(
      this.#at >= text.length
        ? 'the input ends where a value should stand.'
        : `expected a value, found ${this.#here()}.`,
    );
  }

  #space(): void {
    const text = this.#text;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #here(): string {
    return this.#at >= this.#text.length
      ? 'the end of the input'
      : JSON.stringify(this.#text.slice(this.#at, this.#at + 12));
  }

  #place(): Place {
    return {
      ...(this.#source === undefined ? {} : { file: this.#source }),
      ...positionOf(this.#text, this.#at),
      pointer: errorPointer(this.#path),
    };
  }

  #fail(message: string): never {
    throw new GraphFormatError({
      message,
      hint: 'The JSON is damaged or cut off; copy or capture the file again.',
      place: this.#place(),
    });
  }
}

/** Python's `json` writes these bare words for non-finite numbers. */
const WORDS: readonly (readonly [string, JsonValue])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
];

/**
 * Parses JSON as PyTorch writes it. Integers beyond ±2^53 become bigint (exact); the bare words `NaN`, `Infinity` and
 * `-Infinity` are numbers; a member that occurs twice in one object is refused.
 * @throws GraphFormatError with line, column and JSON pointer
 * @throws LimitError when nesting is deeper than `maxDepth`
 */
export function parseJson(text: string, options: JsonOptions = {}): JsonValue {
  return new JsonParser(text, options).document();
}
