import { type Arg, type Dim, mul } from '@arfuse/graph';
import { quote } from '../quote.ts';
import {
  APOSTROPHE,
  CLOSE,
  CLOSE_CURLY,
  CLOSE_SQUARE,
  COLON,
  COMMA,
  DOT,
  EQUALS,
  identifierEnd,
  isDigit,
  isIdentifierStart,
  MINUS,
  NEWLINE,
  OPEN,
  OPEN_CURLY,
  OPEN_SQUARE,
  QUOTE,
  SPACE,
  STAR,
} from './characters.ts';
import { foldDims, isTooLarge } from './dim-arithmetic.ts';
import { type Expression, type ExpressionHost, UnreadableExpression } from './expression.ts';
import { constantOf, constructed, ELLIPSIS, intArg } from './literals.ts';
import { binaryOperatorAt, COMPARISON, opOfQualifiedName, POWER, UNARY } from './op-name.ts';
import { setOwn } from './own-property.ts';
import { type FxSource, formatError, TRUNCATED } from './source.ts';
import { TokenReader } from './token-reader.ts';

const EMPTY: Readonly<Record<string, Arg>> = {};

/** Reads Python expressions as FX prints them. Calls inside of other expressions become nodes of their host. */
export class ExpressionReader extends TokenReader {
  readonly #host: ExpressionHost;
  #undefined: { readonly name: string; readonly at: number } | undefined;

  constructor(source: FxSource, host: ExpressionHost, maxDepth: number) {
    super(source, maxDepth);
    this.#host = host;
  }

  override seek(at: number): void {
    super.seek(at);
    this.#undefined = undefined;
  }

  /** One expression, with operators of at least the given precedence. */
  expression(minimum = 0): Expression {
    let left = this.#unary();
    for (;;) {
      this.spaces();
      const code = this.code();
      if (
        code === COMMA ||
        code === CLOSE ||
        code === NEWLINE ||
        code === CLOSE_SQUARE ||
        Number.isNaN(code)
      )
        return left;
      const operator = binaryOperatorAt(this.text, this.at);
      if (!operator) {
        const word = isIdentifierStart(code)
          ? this.text.slice(this.at, identifierEnd(this.text, this.at))
          : '';
        if (word === '') return left;
        const next = this.#wordOperator(left, word, minimum);
        if (next === undefined) return left;
        left = next;
        continue;
      }
      if (operator.precedence < minimum) return left;
      const start = this.at;
      // Python evaluates the left operand first.
      const operand = this.toArg(left, start);
      this.at += operator.text.length;
      this.spaces();
      // `**` binds from right to left, and looser than a sign on its right.
      const right =
        operator.precedence === POWER
          ? this.nested(() => this.expression(UNARY))
          : this.expression(operator.precedence + 1);
      left = this.#binary(operator.op, operand, right, start);
    }
  }

  /** The expression as an argument: calls inside it become nodes. */
  argument(): Arg {
    const start = this.at;
    return this.toArg(this.expression(), start);
  }

  toArg(expression: Expression, at: number): Arg {
    switch (expression.kind) {
      case 'call':
      case 'module':
      case 'self':
      case 'results':
      case 'item':
        return this.#host.emit(expression, at);
      default:
        return expression;
    }
  }

  #wordOperator(left: Expression, word: string, minimum: number): Expression | undefined {
    if (COMPARISON < minimum) return undefined;
    const start = this.at;
    if (word !== 'is' && word !== 'in' && word !== 'not') {
      if (word === 'if' || word === 'and' || word === 'or') throw new UnreadableExpression();
      return undefined;
    }
    this.at += word.length;
    this.spaces();
    let op = word === 'is' ? 'operator.is_' : 'operator.contains';
    if (word === 'is' && /^not\b/.test(this.text.slice(this.at, this.at + 4))) {
      op = 'operator.is_not';
      this.at += 3;
      this.spaces();
    } else if (word === 'not') throw new UnreadableExpression();
    const right = this.expression(COMPARISON + 1);
    return op === 'operator.contains'
      ? this.#binary(op, right, left, start)
      : this.#binary(op, left, right, start);
  }

  #binary(op: string, left: Expression, right: Expression, at: number): Expression {
    const args = [this.toArg(left, at), this.toArg(right, at)];
    const dim = foldDims(op, args[0]!, args[1]!);
    return dim === undefined ? { kind: 'call', op, args, kwargs: undefined } : this.#dim(dim, at);
  }

  #dim(dim: Dim, at: number): Arg {
    if (isTooLarge(dim))
      formatError(this.source, at, 'the symbolic expression is too deep or too long.', TRUNCATED);
    return { kind: 'dim', dim };
  }

  #unary(): Expression {
    const { text } = this;
    const start = this.at;
    const code = text.charCodeAt(start);
    let op: string | undefined;
    if (code === MINUS) op = 'operator.neg';
    else if (code === 0x7e) op = 'operator.invert';
    else if (code === 0x2b) op = 'operator.pos';
    else if (code === 0x6e && text.startsWith('not ', start)) op = 'operator.not_';
    if (op === undefined) return this.#postfix(this.#atom());
    this.at += op === 'operator.not_' ? 4 : 1;
    this.spaces();
    const precedence = op === 'operator.not_' ? COMPARISON : UNARY;
    const operand = this.nested(() => this.expression(precedence));
    if (op === 'operator.neg') {
      if (operand.kind === 'int') return intArg(-operand.value);
      if (operand.kind === 'float') return { kind: 'float', value: -operand.value };
      if (operand.kind === 'dim') return this.#dim(mul(-1, operand.dim), start);
    }
    return { kind: 'call', op, args: [this.toArg(operand, start)], kwargs: undefined };
  }

  #atom(): Expression {
    const { text } = this;
    const code = text.charCodeAt(this.at);
    if (isIdentifierStart(code)) return this.#name();
    if (isDigit(code) || (code === DOT && isDigit(text.charCodeAt(this.at + 1))))
      return this.number();
    if (code === QUOTE || code === APOSTROPHE) return this.string();
    if (code === OPEN) return this.#parenthesised();
    if (code === OPEN_SQUARE) {
      this.open();
      return { kind: 'list', items: this.#items(CLOSE_SQUARE).items };
    }
    if (code === OPEN_CURLY) return this.#dict();
    if (code === DOT && text.startsWith('...', this.at)) {
      this.at += 3;
      return ELLIPSIS;
    }
    throw new UnreadableExpression();
  }

  #parenthesised(): Expression {
    this.open();
    const { items, comma } = this.#items(CLOSE);
    return items.length === 1 && !comma ? items[0]! : { kind: 'tuple', items };
  }

  /** Comma-separated arguments up to the closing bracket, which is consumed. */
  #items(close: number): { items: Arg[]; comma: boolean } {
    const items: Arg[] = [];
    let comma = false;
    for (;;) {
      this.spaces();
      if (this.code() === close) {
        this.close();
        return { items, comma };
      }
      if (items.length > 0 && !comma) throw new UnreadableExpression();
      items.push(this.argument());
      this.spaces();
      comma = this.code() === COMMA;
      if (comma) this.at += 1;
    }
  }

  #dict(): Arg {
    const entries: (readonly [Arg, Arg])[] = [];
    this.open();
    while (this.code() !== CLOSE_CURLY) {
      const key = this.argument();
      this.spaces();
      if (this.code() !== COLON) throw new UnreadableExpression();
      this.at += 1;
      this.spaces();
      entries.push([key, this.argument()]);
      this.spaces();
      if (this.code() === COMMA) this.at += 1;
      else if (this.code() !== CLOSE_CURLY) throw new UnreadableExpression();
      this.spaces();
    }
    this.close();
    return { kind: 'dict', entries };
  }

  #name(): Expression {
    const { text } = this;
    const start = this.at;
    let end = identifierEnd(text, start);
    const head = text.slice(start, end);
    const binding = this.#host.lookup(head);
    if (binding !== undefined) {
      this.at = end;
      return binding;
    }
    const dotted = text.charCodeAt(end) === DOT;
    while (text.charCodeAt(end) === DOT && isIdentifierStart(text.charCodeAt(end + 1)))
      end = identifierEnd(text, end + 1);
    this.at = end;
    if (head === 'self' && dotted) return { kind: 'self', path: text.slice(start + 5, end) };
    const name = dotted ? text.slice(start, end) : head;
    const next = text.charCodeAt(end);
    if (next === OPEN) return this.#functionCall(name, start);
    if (!dotted && (next === QUOTE || next === APOSTROPHE) && /^[rbuRBU]{1,2}$/.test(name))
      return this.string();
    const constant = constantOf(name) ?? this.#host.free(name);
    if (constant !== undefined) return constant;
    this.#undefined ??= { name: head, at: start };
    return { kind: 'raw', text: name };
  }

  /**
   * Refuses a name that nothing defines. Called when a statement was read to its end: in one outside of the grammar
   * (a comprehension) the name may be bound by the statement itself.
   */
  refuseUndefined(): void {
    if (!this.#undefined) return;
    const { name, at } = this.#undefined;
    const freed = this.#host.freedAt(name);
    formatError(
      this.source,
      at,
      `the name ${quote(name)} is used before anything defines it${freed === undefined ? '' : ` (it was freed on line ${freed})`}.`,
      'Statements stand in program order: the file is damaged, or lines are missing.',
    );
  }

  #functionCall(name: string, start: number): Expression {
    const args: Arg[] = [];
    const kwargs = this.#arguments(args);
    if (name === 'getattr' && args.length === 2 && args[1]!.kind === 'string') {
      const [owner, attribute] = args as [Arg, Arg & { kind: 'string' }];
      // `getattr(self.layers, "0")`: part of a module path.
      if (owner.kind === 'raw' && owner.text.startsWith('self.')) {
        return { kind: 'self', path: `${owner.text.slice(5)}.${attribute.value}` };
      }
      return { kind: 'call', op: `getattr.${attribute.value}`, args: [owner], kwargs: undefined };
    }
    const constant = constructed(name, args, kwargs ?? EMPTY);
    if (constant !== undefined) return constant;
    const op = opOfQualifiedName(name);
    if (op === '') formatError(this.source, start, 'a call has no name.', TRUNCATED);
    return { kind: 'call', op, args, kwargs };
  }

  /** Arguments of a call, from `(` to behind `)`. */
  #arguments(args: Arg[]): Record<string, Arg> | undefined {
    const { text } = this;
    let kwargs: Record<string, Arg> | undefined;
    this.open();
    for (;;) {
      const code = text.charCodeAt(this.at);
      if (code === CLOSE) break;
      if (code === STAR) this.#spread(args);
      else {
        const key = isIdentifierStart(code) ? this.#keyword() : undefined;
        if (key === undefined) args.push(this.#callArgument());
        else {
          kwargs ??= {};
          if (Object.hasOwn(kwargs, key)) {
            formatError(
              this.source,
              this.at,
              `the keyword argument ${quote(key)} is given twice.`,
              TRUNCATED,
            );
          }
          setOwn(kwargs, key, this.#callArgument());
        }
      }
      this.spaces();
      const next = text.charCodeAt(this.at);
      if (next === COMMA) this.at += 1;
      else if (next !== CLOSE) throw new UnreadableExpression();
      this.spaces();
    }
    this.close();
    return kwargs;
  }

  /** A module path as an argument is text for `getattr`, or the specification of a pytree. */
  #callArgument(): Arg {
    const start = this.at;
    const expression = this.expression();
    if (
      expression.kind === 'self' &&
      (/^_(?:in|out)_spec$/.test(expression.path) || this.#insideGetattr(start))
    ) {
      return { kind: 'raw', text: `self.${expression.path}` };
    }
    return this.toArg(expression, start);
  }

  #insideGetattr(start: number): boolean {
    return this.text.slice(start - 8, start) === 'getattr(';
  }

  #spread(args: Arg[]): void {
    if (this.text.charCodeAt(this.at + 1) === STAR) throw new UnreadableExpression();
    this.at += 1;
    const spread = this.argument();
    if (spread.kind !== 'tuple' && spread.kind !== 'list') throw new UnreadableExpression();
    for (const item of spread.items) args.push(item);
  }

  /** `key` of `key = value`, positioned at the value; or undefined, without moving. */
  #keyword(): string | undefined {
    const { text } = this;
    const end = identifierEnd(text, this.at);
    let at = end;
    while (text.charCodeAt(at) === SPACE) at += 1;
    if (text.charCodeAt(at) !== EQUALS || text.charCodeAt(at + 1) === EQUALS) return undefined;
    const key = text.slice(this.at, end);
    this.at = at + 1;
    this.spaces();
    return key;
  }

  #postfix(base: Expression): Expression {
    const { text } = this;
    let expression = base;
    for (;;) {
      const start = this.at;
      const code = text.charCodeAt(start);
      if (code === DOT && isIdentifierStart(text.charCodeAt(start + 1))) {
        const end = identifierEnd(text, start + 1);
        const name = text.slice(start + 1, end);
        this.at = end;
        if (expression.kind === 'self')
          expression = { kind: 'self', path: `${expression.path}.${name}` };
        else {
          const args = [this.toArg(expression, start)];
          expression =
            text.charCodeAt(end) === OPEN
              ? { kind: 'call', op: `method.${name}`, args, kwargs: this.#arguments(args) }
              : { kind: 'call', op: `getattr.${name}`, args, kwargs: undefined };
        }
      } else if (code === OPEN) {
        if (expression.kind !== 'self') throw new UnreadableExpression();
        const args: Arg[] = [];
        expression = { kind: 'module', path: expression.path, args, kwargs: this.#arguments(args) };
      } else if (code === OPEN_SQUARE) {
        expression = this.#subscript(expression, start);
      } else return expression;
    }
  }

  #subscript(base: Expression, at: number): Expression {
    const index = this.subscript();
    if (index.kind === 'int' && typeof index.value === 'number') {
      if (base.kind === 'results' && index.value >= 0)
        return { kind: 'item', node: base.node, index: index.value };
      if (base.kind === 'tuple' || base.kind === 'list') {
        const item = base.items.at(index.value);
        if (item === undefined) {
          formatError(
            this.source,
            at,
            `item ${index.value} is taken from a result of ${base.items.length}.`,
            TRUNCATED,
          );
        }
        return item;
      }
    }
    return {
      kind: 'call',
      op: 'operator.getitem',
      args: [this.toArg(base, at), index],
      kwargs: undefined,
    };
  }

  /** What stands between `[` and `]`, both consumed: one index, or a tuple of indices and slices. */
  subscript(): Arg {
    const { text } = this;
    const items: Arg[] = [];
    let comma = false;
    this.open();
    while (text.charCodeAt(this.at) !== CLOSE_SQUARE) {
      items.push(this.#sliceOrIndex());
      this.spaces();
      comma = text.charCodeAt(this.at) === COMMA;
      if (comma) this.at += 1;
      else if (text.charCodeAt(this.at) !== CLOSE_SQUARE) throw new UnreadableExpression();
      this.spaces();
    }
    this.close();
    if (items.length === 0) throw new UnreadableExpression();
    return items.length === 1 && !comma ? items[0]! : { kind: 'tuple', items };
  }

  #sliceOrIndex(): Arg {
    const bounds: (Arg | undefined)[] = [];
    for (;;) {
      const code = this.code();
      bounds.push(
        code === COLON || code === COMMA || code === CLOSE_SQUARE ? undefined : this.argument(),
      );
      this.spaces();
      if (this.code() !== COLON) break;
      this.at += 1;
      this.spaces();
    }
    if (bounds.length === 1 && bounds[0]) return bounds[0];
    if (bounds.length < 2 || bounds.length > 3) throw new UnreadableExpression();
    const bound = (index: number): Arg => bounds[index] ?? { kind: 'none' };
    return { kind: 'slice', start: bound(0), stop: bound(1), step: bound(2) };
  }
}
