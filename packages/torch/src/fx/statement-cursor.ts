import {
  APOSTROPHE,
  EQUALS,
  HASH,
  identifierEnd,
  isIdentifierPart,
  NEWLINE,
  OPEN_SQUARE,
  QUOTE,
  SEMICOLON,
  SPACE,
  stringEnd,
} from './characters.ts';
import { type ExpressionHost, UnreadableExpression } from './expression.ts';
import { ExpressionReader } from './expression-reader.ts';
import { excerpt, type FxSource, formatError, TRUNCATED } from './source.ts';

const SEARCH_LIMIT = 50_000_000;

/** Reads the parts of statements that are no expressions: annotations, and the frees at the end. */
export class StatementCursor extends ExpressionReader {
  /** Where the function body ends. */
  readonly end: number;

  constructor(source: FxSource, end: number, host: ExpressionHost, maxDepth: number) {
    super(source, host, maxDepth);
    this.end = end;
  }

  /** Moves behind a character and the spaces that follow. */
  skip(characters = 1): void {
    this.at += characters;
    this.spaces();
  }

  lineEnd(at: number): number {
    const end = this.text.indexOf('\n', at);
    return end < 0 || end > this.end ? this.end : end;
  }

  /** Whether nothing but a comment is left of the line; the cursor then stands at its end. */
  atEnd(): boolean {
    this.spaces();
    const code = this.code();
    if (code === HASH) this.at = this.lineEnd(this.at);
    return code === NEWLINE || code === HASH || this.at >= this.end;
  }

  /** An identifier, which may be empty. */
  identifier(): string {
    const start = this.at;
    this.at = identifierEnd(this.text, start);
    return this.text.slice(start, this.at);
  }

  /** The text of an annotation, quoted or not; the cursor then stands at what follows. */
  annotation(): string {
    const { text } = this;
    this.spaces();
    const start = this.at;
    const code = this.code();
    if (code === QUOTE || code === APOSTROPHE) {
      const end = stringEnd(text, start);
      if (end < 0)
        formatError(
          this.source,
          start,
          `the annotation ${excerpt(text, start, 40)} does not end.`,
          TRUNCATED,
        );
      this.at = end;
      this.spaces();
      return text.slice(start + 1, end - 1);
    }
    const limit = this.lineEnd(start);
    let end = start;
    for (let depth = 0; end < limit; end += 1) {
      const at = text.charCodeAt(end);
      if (at === 0x28 || at === OPEN_SQUARE) depth += 1;
      else if (at === 0x29 || at === 0x5d) depth -= 1;
      else if (depth === 0 && (at === EQUALS || at === SEMICOLON || at === HASH)) break;
    }
    this.at = end;
    return text.slice(start, end).trimEnd();
  }

  /** `;  a = b = None` at the end of a statement: the names, or undefined. */
  frees(): string[] | undefined {
    if (this.atEnd()) return undefined;
    const names: string[] = [];
    while (this.code() === SEMICOLON) {
      this.skip();
      for (;;) {
        const name = this.identifier();
        this.spaces();
        if (this.code() !== EQUALS) {
          if (name !== 'None') throw new UnreadableExpression();
          break;
        }
        names.push(name);
        this.skip();
      }
    }
    if (!this.atEnd()) throw new UnreadableExpression();
    return names;
  }

  /** Whether `a = b = None` stands at the cursor. */
  isFreeChain(): boolean {
    return /^(?:\w+ = )*None\b/.test(this.text.slice(this.at, this.lineEnd(this.at)));
  }

  /** Characters that searches for later uses have passed, against searching a body again and again. */
  #searched = 0;
  #indexed: ReadonlySet<string> | undefined;

  /** Whether the next use of a name in this body takes an item of it. */
  isIndexed(name: string): boolean {
    const { text } = this;
    if (this.#indexed) return this.#indexed.has(name);
    let at = text.indexOf(name, this.at);
    while (at >= 0 && at < this.end) {
      const after = at + name.length;
      const inside =
        isIdentifierPart(text.charCodeAt(at - 1)) || isIdentifierPart(text.charCodeAt(after));
      const comment = inside ? -1 : this.#commentEnd(at);
      if (!inside && comment < 0) break;
      at = text.indexOf(name, Math.max(after, comment));
    }
    const found = at >= 0 && at < this.end;
    this.#searched += (found ? at : this.end) - this.at;
    if (this.#searched > SEARCH_LIMIT) {
      const body = text.slice(this.at, this.end);
      this.#indexed = new Set([...body.matchAll(/([A-Za-z_]\w*)\[/g)].map((match) => match[1]!));
    }
    return found && text.charCodeAt(at + name.length) === OPEN_SQUARE;
  }

  /** End of the comment line that `at` stands in, or -1. */
  #commentEnd(at: number): number {
    let start = this.text.lastIndexOf('\n', at) + 1;
    while (start < at && this.text.charCodeAt(start) <= SPACE) start += 1;
    return this.text.charCodeAt(start) === HASH ? this.lineEnd(at) : -1;
  }
}
