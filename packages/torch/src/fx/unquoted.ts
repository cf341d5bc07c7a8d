import { type Arg, DEFAULT_OPS, NONE } from '@arfuse/graph';
import { exactInteger, MAX_DIGITS } from '../integers.ts';
import {
  CLOSE,
  CLOSE_CURLY,
  CLOSE_SQUARE,
  COLON,
  COMMA,
  identifierEnd,
  OPEN,
  OPEN_CURLY,
  OPEN_SQUARE,
  PERCENT,
} from './characters.ts';
import { constantOf, constructed, intArg } from './literals.ts';
import { type FxSource, formatError, limitError, TRUNCATED } from './source.ts';

/** How names are read in a text whose strings carry no quotes. */
export interface UnquotedHost {
  /** A `%name`. */
  value(name: string, at: number): Arg;
  /** A bare word that may be a value's name, a symbol, or plain text. */
  word(text: string, at: number): Arg | undefined;
}

const ESCAPED_NAME = /[\w.]+/y;

/** Reads the arguments of `print(graph)` and AutoDeploy lines: Python literals, but strings without quotes. */
export class UnquotedReader {
  at = 0;
  readonly #source: FxSource;
  readonly #text: string;
  readonly #host: UnquotedHost;
  readonly #maxDepth: number;
  /** Where the line ends. */
  #limit = 0;
  #depth = 0;

  constructor(source: FxSource, host: UnquotedHost, maxDepth: number) {
    this.#source = source;
    this.#text = source.text;
    this.#host = host;
    this.#maxDepth = maxDepth;
  }

  seek(at: number, limit: number): void {
    this.at = at;
    this.#limit = limit;
    this.#depth = 0;
  }

  spaces(): void {
    while (this.at < this.#limit && this.#text.charCodeAt(this.at) <= 0x20) this.at += 1;
  }

  /** Consumes `text` or refuses the line. */
  expect(text: string): void {
    this.spaces();
    if (this.at + text.length > this.#limit || !this.#text.startsWith(text, this.at)) {
      this.fail(
        `expected ${JSON.stringify(text)}, found ${JSON.stringify(this.#text.slice(this.at, Math.min(this.#limit, this.at + 20)))}.`,
      );
    }
    this.at += text.length;
  }

  fail(message: string): never {
    return formatError(this.#source, this.at, message, TRUNCATED);
  }

  /** `%name`, positioned behind it. */
  name(): string {
    ESCAPED_NAME.lastIndex = this.at + 1;
    const name = ESCAPED_NAME.exec(this.#text)?.[0] ?? '';
    if (this.#text.charCodeAt(this.at) !== PERCENT || name === '')
      this.fail('expected a value name such as %x.');
    this.at += 1 + name.length;
    return name;
  }

  /** Items up to the closing bracket, which is consumed. */
  items(close: number): Arg[] {
    const items: Arg[] = [];
    for (;;) {
      this.spaces();
      if (this.at >= this.#limit)
        this.fail(`the line ends before "${String.fromCharCode(close)}".`);
      if (this.#text.charCodeAt(this.at) === close) {
        this.at += 1;
        return items;
      }
      items.push(this.argument());
      this.spaces();
      if (this.#text.charCodeAt(this.at) === COMMA) this.at += 1;
    }
  }

  /** `{key: value, …}` with bare keys, from `{` to behind `}`. */
  entries(): [string, Arg][] {
    const entries: [string, Arg][] = [];
    this.expect('{');
    for (;;) {
      this.spaces();
      if (this.at >= this.#limit) this.fail('the line ends before "}".');
      if (this.#text.charCodeAt(this.at) === CLOSE_CURLY) {
        this.at += 1;
        return entries;
      }
      const start = this.at;
      while (this.at < this.#limit && this.#text.charCodeAt(this.at) !== COLON) this.at += 1;
      const key = this.#text.slice(start, this.at).trim();
      this.expect(':');
      this.spaces();
      entries.push([key, this.argument()]);
      this.spaces();
      if (this.#text.charCodeAt(this.at) === COMMA) this.at += 1;
    }
  }

  argument(): Arg {
    const code = this.#text.charCodeAt(this.at);
    if (code === PERCENT) {
      const { at } = this;
      return this.#host.value(this.name(), at);
    }
    if (code === OPEN || code === OPEN_SQUARE || code === OPEN_CURLY) {
      return this.#nested(() => this.#bracketed(code));
    }
    return this.#word();
  }

  #nested(read: () => Arg): Arg {
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) {
      limitError(
        this.#source,
        this.at,
        `brackets are nested deeper than ${this.#maxDepth} levels.`,
        'maxDepth',
      );
    }
    const arg = read();
    this.#depth -= 1;
    return arg;
  }

  #bracketed(code: number): Arg {
    if (code === OPEN_CURLY) {
      return {
        kind: 'dict',
        entries: this.entries().map(([key, value]) => [{ kind: 'string', value: key }, value]),
      };
    }
    this.at += 1;
    return code === OPEN
      ? { kind: 'tuple', items: this.items(CLOSE) }
      : { kind: 'list', items: this.items(CLOSE_SQUARE) };
  }

  /** Text up to a comma or closing bracket: a literal, a constructor call such as `slice(None, 8, None)`, or a string. */
  #word(): Arg {
    const start = this.at;
    const name = this.#text.slice(start, identifierEnd(this.#text, start));
    if (
      (name === 'slice' || name === 'device') &&
      this.#text.charCodeAt(start + name.length) === OPEN
    ) {
      this.at = start + name.length + 1;
      return this.#nested(() => this.#construct(name, start));
    }
    let depth = 0;
    let end = start;
    for (; end < this.#limit; end += 1) {
      const code = this.#text.charCodeAt(end);
      if (code === OPEN || code === OPEN_SQUARE || code === OPEN_CURLY) depth += 1;
      else if (code === CLOSE || code === CLOSE_SQUARE || code === CLOSE_CURLY) {
        if (depth === 0) break;
        depth -= 1;
      } else if (code === COMMA && depth === 0) break;
    }
    this.at = end;
    const text = this.#text.slice(start, end).trimEnd();
    if (end === start) this.fail('expected an argument.');
    if (/^-?\d+$/.test(text)) {
      const value = exactInteger(text);
      return value === undefined
        ? this.fail(`an integer has over ${MAX_DIGITS} digits.`)
        : intArg(value);
    }
    return literal(text) ?? this.#host.word(text, start) ?? { kind: 'string', value: text };
  }

  #construct(name: string, start: number): Arg {
    const args: Arg[] = [];
    const kwargs: Record<string, Arg> = {};
    for (;;) {
      this.spaces();
      if (this.at >= this.#limit) this.fail('the line ends before ")".');
      if (this.#text.charCodeAt(this.at) === CLOSE) break;
      const key = /(\w+)=/y;
      key.lastIndex = this.at;
      const match = key.exec(this.#text);
      if (match) {
        this.at += match[0].length;
        const value = this.argument();
        kwargs[match[1]!] =
          match[1] === 'type' && value.kind === 'string'
            ? { kind: 'string', value: value.value.replaceAll("'", '') }
            : value;
      } else args.push(this.argument());
      this.spaces();
      if (this.#text.charCodeAt(this.at) === COMMA) this.at += 1;
    }
    this.at += 1;
    return (
      constructed(name, args, kwargs) ?? { kind: 'raw', text: this.#text.slice(start, this.at) }
    );
  }
}

/** Floats and the names that stand for themselves. */
function literal(text: string): Arg | undefined {
  if (/^-?(?:\d+\.\d*|\.\d+|\d+)(?:e[+-]?\d+)?$/i.test(text))
    return { kind: 'float', value: Number(text) };
  if (text === 'None') return NONE;
  if (text === '-inf') return { kind: 'float', value: Number.NEGATIVE_INFINITY };
  if (
    /^(?:True|False|Ellipsis|inf|nan)$/.test(text) ||
    /^torch\.\w+$|^torch\.ops\.[\w.]+$|^_?operator\.\w+$/.test(text)
  )
    return constantOf(text);
  return undefined;
}

/** Parameters that are names in every schema: a group called `0` is printed like the number. */
const STRINGS = new Set(['group_name', 'reduce_op']);

/** The op inside `auto_functionalized`, which is printed as the op itself: `_C.rms_norm.default`. */
const WRAPPED = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){1,2}$/;

/** Turns what stands for strings and ops back into these: numbers for groups, and the bare name of a wrapped op. */
export function restoreStrings(op: string, args: Arg[], kwargs: Record<string, Arg>): void {
  const [first] = args;
  if (
    op.startsWith('higher_order.auto_functionalized') &&
    first?.kind === 'string' &&
    WRAPPED.test(first.value)
  )
    args[0] = { kind: 'op', name: first.value };
  const string = (arg: Arg): Arg =>
    arg.kind === 'int' ? { kind: 'string', value: String(arg.value) } : arg;
  DEFAULT_OPS.get(op)?.params?.forEach((param, index) => {
    if (STRINGS.has(param) && args[index]) args[index] = string(args[index]);
  });
  for (const [key, value] of Object.entries(kwargs)) {
    if (STRINGS.has(key)) kwargs[key] = string(value);
    else if (key === 'device' && value.kind === 'string')
      kwargs[key] = { kind: 'device', value: value.value };
  }
}
