import { GraphFormatError, type Place } from '@arfuse/contract';

/** A member's name as errors show it: damaged input holds names of megabytes. */
const shown = (key: string): string => (key.length > 80 ? `${key.slice(0, 79)}…` : key);

/** A JSON value with the pointer at which it stands, and typed access that refuses what does not fit. */
export class JsonReader {
  readonly value: unknown;
  readonly #place: Place;
  readonly #pointer: string;

  constructor(value: unknown, place: Place, pointer = '') {
    this.value = value;
    this.#place = place;
    this.#pointer = pointer;
  }

  /** @throws GraphFormatError at this place */
  fail(message: string, hint = 'The document is damaged or was not written by arfuse.'): never {
    throw new GraphFormatError({
      message,
      hint,
      place: { ...this.#place, pointer: this.#pointer },
    });
  }

  #expected(what: string): never {
    const text =
      JSON.stringify(this.value, (_, item) => (typeof item === 'bigint' ? String(item) : item)) ??
      'nothing';
    return this.fail(
      `expected ${what}, found ${text.length > 60 ? `${text.slice(0, 57)}…` : text}.`,
    );
  }

  get record(): Readonly<Record<string, unknown>> {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value))
      this.#expected('an object');
    return this.value as Readonly<Record<string, unknown>>;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.record, key) && this.record[key] !== undefined;
  }

  at(key: string): JsonReader {
    const { record } = this;
    if (!Object.hasOwn(record, key)) this.fail(`member "${key}" is missing.`);
    return this.#child(record[key], key);
  }

  optional(key: string): JsonReader | undefined {
    return this.has(key) ? this.at(key) : undefined;
  }

  /** Refuses members other than these. */
  only(keys: readonly string[]): this {
    for (const key of Object.keys(this.record)) {
      if (!keys.includes(key))
        this.fail(`unknown member "${shown(key)}".`, `Known members: ${keys.join(', ')}.`);
    }
    return this;
  }

  get items(): JsonReader[] {
    if (!Array.isArray(this.value)) return this.#expected('a list');
    return this.value.map((item, i) => this.#child(item, String(i)));
  }

  tuple(length: number): JsonReader[] {
    const { items } = this;
    if (items.length !== length) this.fail(`expected ${length} items, found ${items.length}.`);
    return items;
  }

  get string(): string {
    return typeof this.value === 'string' ? this.value : this.#expected('a string');
  }

  get bool(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.#expected('true or false');
  }

  /** For members that say something by being there. */
  requireTrue(): void {
    if (this.value !== true) this.#expected('true');
  }

  get isNull(): boolean {
    return this.value === null;
  }

  /** A non-negative index below `limit`. */
  index(limit: number, what: string): number {
    const value = typeof this.value === 'bigint' ? Number(this.value) : this.value;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
      return this.#expected(`an index of a ${what}`);
    if (value >= limit) this.fail(`there is no ${what} ${value}; the graph has ${limit}.`);
    return value;
  }

  /** An integer; beyond 2^53 it is a string of digits (or a bigint from an exact parser). */
  get int(): number | bigint {
    const { value } = this;
    // A larger number has lost digits when it was parsed.
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    if (typeof value === 'bigint') return value;
    if (typeof value === 'string' && /^-?\d{1,4000}$/.test(value)) return BigInt(value);
    return this.#expected('an integer (beyond 2^53 a string of at most 4000 digits)');
  }

  get float(): number {
    const { value } = this;
    if (typeof value === 'number') return value;
    if (typeof value === 'bigint') return Number(value);
    if (value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0')
      return Number(value);
    return this.#expected('a number');
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.value);
    return found ?? this.#expected(`one of ${choices.join(', ')}`);
  }

  #child(value: unknown, key: string): JsonReader {
    return new JsonReader(
      value,
      this.#place,
      `${this.#pointer}/${shown(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    );
  }
}
