import { ArfuseError, isDType } from '@arfuse/contract';
import { type Dim, type GraphBuilder, parseDim, symbolsOf, type ValueType } from '@arfuse/graph';
import { CLOSE, CLOSE_SQUARE, COMMA, OPEN, OPEN_SQUARE } from './characters.ts';

/** Tensor subclasses around one another, `DTensor(AsyncTensor(f32[8]))`. */
const MAX_WRAPPERS = 8;
const INTEGER = /^\d{1,15}$/;
const BOOLEAN = /^(?:Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not)\(|[<>]|[!=]=|^(?:True|False)$/;
const FLOAT = /\bz?u?f\d|ToFloat|TrueDiv|\bz(?:u?f)\d|\d\.\d/;

/** Parts of `a, b, c` at bracket depth 0. */
export function splitTopLevel(text: string, separator = COMMA): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === OPEN || code === OPEN_SQUARE) depth += 1;
    else if (code === CLOSE || code === CLOSE_SQUARE) depth -= 1;
    else if (code === separator && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  if (last !== '' || parts.length > 0) parts.push(last);
  return parts.at(-1) === '' ? parts.slice(0, -1) : parts;
}

/** Symbolic integers by their text; shared by the graphs of a file. */
export class DimCache {
  readonly #dims = new Map<string, Dim>();

  /** The expression, or undefined when the text is none. */
  read(text: string): Dim | undefined {
    let dim = this.#dims.get(text);
    if (dim === undefined) {
      if (INTEGER.test(text)) dim = Number(text);
      else {
        try {
          dim = parseDim(text);
        } catch (error) {
          if (!ArfuseError.isInstance(error)) throw error;
          return undefined;
        }
      }
      this.#dims.set(text, dim);
    }
    return dim;
  }
}

/** Reads the type annotations of one graph, each spelling once, and declares their symbols. */
export class Annotations {
  readonly #dims: DimCache;
  readonly #builder: GraphBuilder;
  readonly #types = new Map<string, ValueType | null>();

  constructor(dims: DimCache, builder: GraphBuilder) {
    this.#dims = dims;
    this.#builder = builder;
  }

  /**
   * `bf16[s72, 4096][4096, 1]cuda:0`, `Sym(s72)`, `DTensor(f32[8, 4096], S(0))`; null for `torch.Tensor`, which
   * says neither dtype nor shape. Another text is kept as an opaque type.
   */
  read(text: string): ValueType | null {
    let type = this.#types.get(text);
    if (type === undefined) {
      type = this.#parse(text.trim());
      this.#types.set(text, type);
    }
    return type;
  }

  dim(text: string): Dim | undefined {
    const dim = this.#dims.read(text);
    if (typeof dim === 'object') {
      for (const name of symbolsOf(dim)) {
        if (!this.#builder.hasSymbol(name)) this.#builder.symbol({ name, min: null, max: null });
      }
    }
    return dim;
  }

  #parse(text: string, wrappers = 0): ValueType | null {
    const bracket = text.indexOf('[');
    const head = bracket < 0 ? text : text.slice(0, bracket);
    if (isDType(head)) {
      const tensor = this.#tensor(head, text, bracket);
      if (tensor) return tensor;
    } else if (text.startsWith('Sym(') && text.endsWith(')'))
      return this.#symbolic(text.slice(4, -1));
    else if (text === 'torch.Tensor' || text === 'Tensor' || text === 'torch_Tensor') return null;
    else if (wrappers < MAX_WRAPPERS) {
      const wrapped = /^\w+\((.*)\)$/s.exec(text)?.[1];
      const inner = wrapped === undefined ? undefined : splitTopLevel(wrapped)[0];
      const type = inner === undefined ? null : this.#parse(inner, wrappers + 1);
      if (type?.kind === 'tensor') return { ...type, wrapper: text };
    }
    return { kind: 'opaque', text };
  }

  #tensor(dtype: string, text: string, bracket: number): ValueType | undefined {
    if (!isDType(dtype) || bracket < 0) return undefined;
    const shapeEnd = closing(text, bracket);
    const shape = this.#list(text, bracket, shapeEnd);
    if (!shape) return undefined;
    let rest = shapeEnd + 1;
    let strides: Dim[] | undefined;
    if (text.charCodeAt(rest) === OPEN_SQUARE) {
      const end = closing(text, rest);
      strides = this.#list(text, rest, end);
      if (!strides) return undefined;
      rest = end + 1;
    }
    const device = text.slice(rest).trim();
    return {
      kind: 'tensor',
      dtype,
      shape,
      ...(strides ? { strides } : {}),
      ...(device ? { device } : {}),
    };
  }

  #list(text: string, open: number, close: number): Dim[] | undefined {
    if (close < 0) return undefined;
    const dims: Dim[] = [];
    for (const part of splitTopLevel(text.slice(open + 1, close))) {
      const dim = this.dim(part);
      if (dim === undefined) return undefined;
      dims.push(dim);
    }
    return dims;
  }

  #symbolic(text: string): ValueType {
    const scalar = BOOLEAN.test(text) ? 'bool' : FLOAT.test(text) ? 'float' : 'int';
    const expr = text === 'True' ? 1 : text === 'False' ? 0 : this.dim(text);
    return expr === undefined
      ? { kind: 'opaque', text: `Sym(${text})` }
      : { kind: 'sym', scalar, expr };
  }
}

/** Offset of the bracket that closes the one at `open`, or -1. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === OPEN_SQUARE || code === OPEN) depth += 1;
    else if (code === CLOSE_SQUARE || code === CLOSE) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}
