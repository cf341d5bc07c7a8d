import { GraphFormatError, type Place } from '@arfuse/contract';
import { cut, quote } from '../quote.ts';
import {
  errorPointer,
  type JsonArray,
  type JsonObject,
  type JsonValue,
  jsonPointer,
} from './parse-json.ts';

/** What a value is, for error messages. */
export function describeJson(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  return typeof value === 'string' ? quote(value) : cut(String(value));
}

/**
 * Typed access to a parsed JSON document that knows where it stands. The position is kept as a stack of keys, so that
 * reading costs no strings; the pointer is made when an error is.
 */
export class JsonReader {
  readonly source: string | undefined;
  #path: (string | number)[] = [];

  constructor(source?: string) {
    this.source = source;
  }

  /** Pointer of the current position. */
  pointer(): string {
    return jsonPointer(this.#path);
  }

  /** The current position for an error. */
  place(): Place {
    return {
      ...(this.source === undefined ? {} : { file: this.source }),
      pointer: errorPointer(this.#path),
    };
  }

  /** Runs `read` one level down. On an error the position stays, since the reader is done then. */
  at<T>(key: string | number, read: () => T): T {
    this.#path.push(key);
    const result = read();
    this.#path.pop();
    return result;
  }

  /** Keys of the current position. */
  get path(): readonly (string | number)[] {
    return [...this.#path];
  }

  /** Runs `read` at another position of the same document. */
  from<T>(path: readonly (string | number)[], read: () => T): T {
    const here = this.#path;
    this.#path = [...path];
    const result = read();
    this.#path = here;
    return result;
  }

  object(value: JsonValue | undefined, what: string): JsonObject {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as JsonObject;
    return this.fail(`expected ${what}, an object, found ${describeJson(value)}.`);
  }

  array(value: JsonValue | undefined, what: string): JsonArray {
    if (Array.isArray(value)) return value as JsonArray;
    return this.fail(`expected ${what}, an array, found ${describeJson(value)}.`);
  }

  string(value: JsonValue | undefined, what: string): string {
    if (typeof value === 'string') return value;
    return this.fail(`expected ${what}, a string, found ${describeJson(value)}.`);
  }

  boolean(value: JsonValue | undefined, what: string): boolean {
    if (typeof value === 'boolean') return value;
    return this.fail(`expected ${what}, true or false, found ${describeJson(value)}.`);
  }

  /** An integer; exact at any size. */
  integer(value: JsonValue | undefined, what: string): number | bigint {
    if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value)))
      return value;
    return this.fail(`expected ${what}, an integer, found ${describeJson(value)}.`);
  }

  /** A float; PyTorch writes infinities as the strings "Infinity" and "-Infinity". */
  float(value: JsonValue | undefined, what: string): number {
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return Number(value);
    if (value === 'Infinity') return Number.POSITIVE_INFINITY;
    if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
    if (value === 'NaN') return Number.NaN;
    return this.fail(`expected ${what}, a number, found ${describeJson(value)}.`);
  }

  /** Reads each item of an array one level down. */
  each<T>(
    value: JsonValue | undefined,
    what: string,
    read: (item: JsonValue, index: number) => T,
  ): T[] {
    return this.array(value, what).map((item, index) => this.at(index, () => read(item, index)));
  }

  fail(
    message: string,
    hint = 'The file is damaged, or written by an unknown version of PyTorch.',
  ): never {
    throw new GraphFormatError({ message, hint, place: this.place() });
  }
}
