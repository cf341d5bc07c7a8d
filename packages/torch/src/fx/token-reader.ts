import type { Arg } from '@arfuse/graph';
import { exactInteger, MAX_DIGITS } from '../integers.ts';
import { DOT, HASH, isDigit, isIdentifierPart, NEWLINE, SPACE, stringEnd } from './characters.ts';
import { UnreadableExpression } from './expression.ts';
import { intArg, unescapePython } from './literals.ts';
import { excerpt, type FxSource, formatError, limitError, TRUNCATED } from './source.ts';

/** A position in Python text: white space, brackets, numbers and strings. */
export class TokenReader {
  at = 0;
  /** Newlines that were passed inside brackets. */
  lines = 0;
  readonly text: string;
  readonly source: FxSource;
  readonly #maxDepth: number;
  #depth = 0;
  /** Signs and powers nest without brackets; they count towards the depth limit only. */
  #nested = 0;

  constructor(source: FxSource, maxDepth: number) {
    this.text = source.text;
    this.source = source;
    this.#maxDepth = maxDepth;
  }

  /** Starts at an offset outside of all brackets. */
  seek(at: number): void {
    this.at = at;
    this.#depth = 0;
    this.#nested = 0;
  }

  /** Character code at the position. */
  code(): number {
    return this.text.charCodeAt(this.at);
  }

  /** Skips white space; inside brackets also line ends and comments. */
  spaces(): void {
    const { text } = this;
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code === SPACE || code === 0x09 || code === 0x0d) this.at += 1;
      else if (this.#depth === 0) return;
      else if (code === NEWLINE) {
        this.lines += 1;
        this.at += 1;
      } else if (code === HASH) {
        const end = text.indexOf('\n', this.at);
        this.at = end < 0 ? text.length : end;
      } else return;
    }
  }

  /** Reads an operand one level deeper. */
  protected nested<T>(read: () => T): T {
    this.#nested += 1;
    this.#checkDepth();
    const result = read();
    this.#nested -= 1;
    return result;
  }

  #checkDepth(): void {
    if (this.#depth + this.#nested <= this.#maxDepth) return;
    limitError(
      this.source,
      this.at,
      `brackets are nested deeper than ${this.#maxDepth} levels.`,
      'maxDepth',
    );
  }

  /** Moves behind an opening bracket. */
  protected open(): void {
    this.at += 1;
    this.#depth += 1;
    this.#checkDepth();
    this.spaces();
  }

  /** Moves behind a closing bracket. */
  protected close(): void {
    this.at += 1;
    this.#depth -= 1;
  }

  protected number(): Arg {
    const { text } = this;
    const start = this.at;
    let end = start;
    let value = 0;
    for (let code = text.charCodeAt(end); isDigit(code); code = text.charCodeAt(end)) {
      value = value * 10 + (code - 0x30);
      end += 1;
    }
    const code = text.charCodeAt(end);
    if (code !== DOT && !isIdentifierPart(code)) {
      this.at = end;
      return end - start <= 15 ? intArg(value) : this.#exactInt(start, end);
    }
    const matcher = /0[xX][0-9a-fA-F]+|\d*\.?\d*(?:[eE][+-]?\d+)?[jJ]?/y;
    matcher.lastIndex = start;
    const literal = matcher.exec(text)?.[0] ?? '';
    if (isIdentifierPart(text.charCodeAt(start + literal.length))) throw new UnreadableExpression();
    this.at = start + literal.length;
    if (/[jJ]$/.test(literal)) return { kind: 'complex', re: 0, im: Number(literal.slice(0, -1)) };
    if (/^0[xX]/.test(literal)) return this.#exactInt(start, this.at);
    return { kind: 'float', value: Number(literal) };
  }

  #exactInt(start: number, end: number): Arg {
    const value = exactInteger(this.text.slice(start, end));
    if (value !== undefined) return intArg(value);
    return formatError(
      this.source,
      start,
      `an integer has ${end - start} digits; the most are ${MAX_DIGITS}.`,
      TRUNCATED,
    );
  }

  protected string(): Arg {
    const { text } = this;
    const start = this.at;
    const end = stringEnd(text, start);
    if (end < 0)
      formatError(
        this.source,
        start,
        `the string ${excerpt(text, start, 40)} does not end.`,
        TRUNCATED,
      );
    const quotes =
      end - start >= 6 && text[start] === text[start + 1] && text[start] === text[start + 2]
        ? 3
        : 1;
    this.at = end;
    return { kind: 'string', value: unescapePython(text.slice(start + quotes, end - quotes)) };
  }
}
