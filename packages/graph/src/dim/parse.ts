import { GraphFormatError } from '@arfuse/contract';
import {
  constant,
  type Dim,
  float,
  floordiv,
  fn,
  max,
  min,
  mod,
  mul,
  pow,
  productOf,
  sumOf,
  sym,
} from './dim.ts';
import { depthOf } from './substitute.ts';

/** What a symbol's `srepr` says of it, e.g. `{ positive: true, integer: true }`. */
export type SymbolAssumptions = Readonly<Record<string, boolean>>;

const TOKEN =
  /\s*(?:(\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)|([A-Za-z_][\w.]*)|('[^']*'|"[^"]*")|(\*\*|\/\/|[-+*/%(),=]))/y;

/** Most levels of an expression: see `depthOf`. */
export const MAX_DIM_DEPTH = 100;

/** Deepest nesting of parentheses, calls and signs; an expression of {@link MAX_DIM_DEPTH} levels is printed with fewer. */
const MAX_NESTING = 200;

/** Most digits of an integer, as in arfuse's JSON. */
const MAX_DIGITS = 4000;

/** Longest text that is worth remembering. */
const MAX_CACHED = 200;

/** Longest text that an error shows whole. */
const MAX_SHOWN = 80;

class Parser {
  readonly #text: string;
  readonly #symbols: Map<string, SymbolAssumptions> | undefined;
  #at = 0;
  #token = '';
  #start = 0;
  #depth = 0;

  constructor(text: string, symbols: Map<string, SymbolAssumptions> | undefined) {
    this.#text = text;
    this.#symbols = symbols;
    this.#next();
  }

  whole(): Dim {
    const dim = this.#sum();
    if (this.#token !== '') this.#fail('the end');
    return dim;
  }

  #fail(expected: string): never {
    const shown =
      this.#text.length > MAX_SHOWN ? `${this.#text.slice(0, MAX_SHOWN - 1)}…` : this.#text;
    throw new GraphFormatError({
      message: `"${shown}" is no symbolic expression: expected ${expected} at column ${this.#start + 1}.`,
      hint: "Expressions look like 8*s72 + 1, (s72//8), Max(1, s72) or Mul(Integer(8), Symbol('s72')).",
      details: { text: shown },
    });
  }

  #next(): void {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match) {
      this.#token = match[1] ?? match[2] ?? match[3] ?? match[4]!;
      this.#at = TOKEN.lastIndex;
      this.#start = this.#at - this.#token.length;
      return;
    }
    this.#start = this.#at;
    this.#token = '';
    if (this.#text.slice(this.#at).trim() !== '') this.#fail('a number, a name or an operator');
  }

  #take(): string {
    const token = this.#token;
    this.#next();
    return token;
  }

  #expect(token: string): void {
    if (this.#token !== token) this.#fail(`"${token}"`);
    this.#next();
  }

  #nested(parse: () => Dim): Dim {
    this.#depth += 1;
    if (this.#depth > MAX_NESTING)
      this.#fail(`at most ${MAX_NESTING} nested parentheses, calls and signs`);
    const dim = parse();
    this.#depth -= 1;
    return dim;
  }

  /** Checked while an expression grows, because simplifying recurses into it. */
  #checked(dim: Dim): Dim {
    if (depthOf(dim) > MAX_DIM_DEPTH)
      this.#fail(`an expression of at most ${MAX_DIM_DEPTH} levels`);
    return dim;
  }

  #sum(): Dim {
    const terms = [this.#product()];
    while (this.#token === '+' || this.#token === '-') {
      const minus = this.#take() === '-';
      const term = this.#product();
      terms.push(minus ? mul(-1, term) : term);
    }
    return terms.length === 1 ? terms[0]! : this.#checked(sumOf(terms));
  }

  #product(): Dim {
    let factors = [this.#unary()];
    const product = (): Dim => (factors.length === 1 ? factors[0]! : productOf(factors));
    for (;;) {
      const operator = this.#token;
      if (operator !== '*' && operator !== '//' && operator !== '/' && operator !== '%')
        return this.#checked(product());
      this.#next();
      const right = this.#unary();
      if (operator === '*') {
        factors.push(right);
        continue;
      }
      const left = this.#checked(product());
      if (operator === '%') factors = [mod(left, right)];
      // sympy prints true division only where it is exact or inside another function.
      else factors = [operator === '//' ? floordiv(left, right) : fn('IntTrueDiv', left, right)];
    }
  }

  #unary(): Dim {
    if (this.#token === '-') {
      this.#next();
      return mul(
        -1,
        this.#nested(() => this.#unary()),
      );
    }
    const base = this.#atom();
    if (this.#token !== '**') return base;
    this.#next();
    return this.#checked(
      pow(
        base,
        this.#nested(() => this.#unary()),
      ),
    );
  }

  #atom(): Dim {
    const token = this.#token;
    const first = token.charCodeAt(0);
    if (first >= 48 && first <= 57) {
      const whole = !/[.eE]/.test(token);
      if (whole && token.length > MAX_DIGITS)
        this.#fail(`a number of at most ${MAX_DIGITS} digits`);
      this.#next();
      return whole ? constant(BigInt(token)) : float(token);
    }
    if (token === '(') {
      this.#next();
      const inner = this.#nested(() => this.#sum());
      this.#expect(')');
      return inner;
    }
    if (!/^[A-Za-z_]/.test(token)) this.#fail('a number, a symbol or a parenthesis');
    this.#next();
    if (this.#token !== '(') return sym(token);
    this.#next();
    return this.#call(token);
  }

  #call(name: string): Dim {
    if (name === 'Symbol') return this.#symbol();
    if (name === 'Float') return this.#float();
    const args: Dim[] = [];
    while (this.#token !== ')') {
      args.push(this.#nested(() => this.#sum()));
      if (this.#token === ',') this.#next();
      else if (this.#token !== ')') this.#fail('"," or ")"');
    }
    this.#next();
    return this.#checked(applied(name, args));
  }

  /** `Symbol('s77', positive=True, integer=True)`. */
  #symbol(): Dim {
    if (!/^['"]/.test(this.#token)) this.#fail('a quoted symbol name');
    const name = this.#token.slice(1, -1);
    if (!/^[A-Za-z_][\w.]*$/.test(name))
      this.#fail('a symbol name of letters, digits, "_" and "."');
    this.#next();
    const assumptions: Record<string, boolean> = {};
    while (this.#token === ',') {
      this.#next();
      const key = this.#take();
      this.#expect('=');
      if (!/^(True|False)$/.test(this.#token)) this.#fail('True or False');
      assumptions[key] = this.#take() === 'True';
    }
    this.#expect(')');
    this.#symbols?.set(name, assumptions);
    return sym(name);
  }

  /** `Float('0.5', precision=53)`. */
  #float(): Dim {
    const text = this.#token.replace(/^(['"])(.*)\1$/, '$2');
    if (!/^-?\d+(\.\d*)?([eE][-+]?\d+)?$/.test(text)) this.#fail('a decimal number');
    this.#next();
    while (this.#token !== ')' && this.#token !== '') this.#next();
    this.#expect(')');
    return float(text);
  }
}

function applied(name: string, args: readonly Dim[]): Dim {
  const [a, b] = args;
  if (a === undefined) return fn(name);
  switch (name) {
    case 'Add':
      return sumOf(args);
    case 'Mul':
      return productOf(args);
    case 'Max':
    case 'max':
      return max(...args);
    case 'Min':
    case 'min':
      return min(...args);
  }
  if (args.length === 1 && name === 'Integer') return a;
  if (args.length !== 2) return fn(name, ...args);
  switch (name) {
    case 'Pow':
    case 'PowByNatural':
      return pow(a, b!);
    case 'FloorDiv':
    case 'CleanDiv':
      return floordiv(a, b!);
    case 'Mod':
    case 'PythonMod':
      return mod(a, b!);
    default:
      return fn(name, a, b!);
  }
}

const cache = new Map<string, Dim>();

/**
 * Reads a symbolic expression as FX prints it (`8*s72`, `(s72//8)`, `Max(1, s72)`) or as sympy's `srepr`
 * (`Mul(Integer(8), Symbol('s72', integer=True))`). Unknown functions are kept.
 * @param symbols - receives the assumptions of symbols that `srepr` states
 * @throws GraphFormatError with the column
 */
export function parseDim(text: string, symbols?: Map<string, SymbolAssumptions>): Dim {
  if (symbols) return new Parser(text, symbols).whole();
  let dim = cache.get(text);
  if (dim === undefined) {
    dim = new Parser(text, undefined).whole();
    // Captures repeat few expressions; damaged input must not fill the cache.
    if (cache.size < 10_000 && text.length <= MAX_CACHED) cache.set(text, dim);
  }
  return dim;
}
