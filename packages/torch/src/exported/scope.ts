import { ArfuseError, type DType } from '@arfuse/contract';
import {
  type Dim,
  type GraphBuilder,
  parseDim,
  type SymbolInfo,
  symbolsOf,
  type ValueId,
  type ValueType,
} from '@arfuse/graph';
import { describeJson, type JsonReader } from '../json/json-reader.ts';
import type { JsonObject, JsonValue } from '../json/parse-json.ts';
import { cut, quote } from '../quote.ts';
import { SCALAR_TYPES } from './enums.ts';

/** The one member of a union object such as `{"as_int": 3}`. */
export interface Union {
  readonly tag: string;
  readonly value: JsonValue;
}

/** Reads a union: an object with exactly one member, the tag. */
export function readUnion(reader: JsonReader, value: JsonValue | undefined, what: string): Union {
  const object = reader.object(value, what);
  const tags = Object.keys(object);
  if (tags.length !== 1) {
    reader.fail(
      `expected ${what} with exactly one tag, found ${tags.length === 0 ? 'none' : cut(tags.join(', '))}.`,
    );
  }
  return { tag: tags[0]!, value: object[tags[0]!]! };
}

/** What is shared by a program and its sub-graphs: options and the ranges of symbols. */
export class ProgramContext {
  readonly reader: JsonReader;
  readonly redact: boolean;
  readonly maxNodes: number;
  readonly warnings: string[] = [];
  readonly ranges = new Map<string, SymbolInfo>();

  constructor(
    reader: JsonReader,
    options: { readonly redact: boolean; readonly maxNodes: number },
  ) {
    this.reader = reader;
    this.redact = options.redact;
    this.maxNodes = options.maxNodes;
  }

  /** A sympy expression, as `srepr` (2.6 and later) or plain text. */
  dim(text: string): Dim {
    try {
      return parseDim(text);
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      return this.reader.fail(`this symbolic expression cannot be read: ${error.message}`);
    }
  }
}

/** Names and types of one graph while it is read. */
export class Scope {
  readonly context: ProgramContext;
  readonly reader: JsonReader;
  readonly builder: GraphBuilder;
  readonly #values = new Map<string, ValueId>();
  /** Position of the graph in the document. */
  readonly #base: readonly (string | number)[];
  readonly #tensors: JsonObject;
  readonly #symbolic: Readonly<Record<'int' | 'float' | 'bool', JsonObject>>;

  constructor(context: ProgramContext, builder: GraphBuilder, graph: JsonObject) {
    this.context = context;
    this.reader = context.reader;
    this.#base = context.reader.path;
    this.builder = builder;
    const table = (key: string): JsonObject =>
      graph[key] === undefined || graph[key] === null
        ? {}
        : this.reader.at(key, () => this.reader.object(graph[key], `${key}`));
    this.#tensors = table('tensor_values');
    this.#symbolic = {
      int: table('sym_int_values'),
      float: table('sym_float_values'),
      bool: table('sym_bool_values'),
    };
  }

  bind(name: string, id: ValueId): void {
    this.#values.set(name, id);
  }

  lookup(name: string): ValueId | undefined {
    return this.#values.get(name);
  }

  /** The value of a name, or an error at the current position. */
  resolve(name: string): ValueId {
    const id = this.#values.get(name);
    if (id !== undefined) return id;
    return this.reader.fail(
      `the value ${quote(name)} is used before anything defines it.`,
      'Nodes stand in program order: the file is damaged, incomplete or cyclic.',
    );
  }

  /** The expression that the file gives for a symbolic scalar, if any. */
  symbolic(scalar: 'int' | 'float' | 'bool', name: string): Dim | undefined {
    const entry = Object.hasOwn(this.#symbolic[scalar], name)
      ? this.#symbolic[scalar][name]
      : undefined;
    if (entry === undefined) return undefined;
    return this.reader.from([...this.#base, `sym_${scalar}_values`, name], () =>
      this.#symbolicScalar(entry, 'a symbolic scalar'),
    );
  }

  symType(scalar: 'int' | 'float' | 'bool', name: string): ValueType | null {
    const expr = this.symbolic(scalar, name);
    return expr === undefined ? null : { kind: 'sym', scalar, expr };
  }

  tensorType(name: string): ValueType | null {
    const meta = Object.hasOwn(this.#tensors, name) ? this.#tensors[name] : undefined;
    if (meta === undefined) return null;
    return this.reader.from([...this.#base, 'tensor_values', name], () => this.#tensor(meta));
  }

  #tensor(meta: JsonValue): ValueType {
    const { reader } = this;
    const object = reader.object(meta, 'the metadata of a tensor');
    const { strides, device } = object;
    return {
      kind: 'tensor',
      dtype: reader.at('dtype', () => this.dtype(object.dtype)),
      shape: this.#sizes('sizes', object.sizes),
      ...(strides === undefined || strides === null
        ? {}
        : { strides: this.#sizes('strides', strides) }),
      ...(device === undefined || device === null
        ? {}
        : { device: reader.at('device', () => this.device(device)) }),
    };
  }

  #sizes(key: 'sizes' | 'strides', value: JsonValue | undefined): Dim[] {
    const { reader } = this;
    return reader.at(key, () =>
      reader.each(value, key, (item) => {
        const size = this.#symbolicScalar(item, 'a size');
        if (typeof size !== 'object' && size < 0) reader.fail(`a size is ${describeJson(size)}.`);
        return size;
      }),
    );
  }

  dtype(value: JsonValue | undefined): DType {
    const dtype = typeof value === 'number' ? SCALAR_TYPES[value] : undefined;
    return (
      dtype ??
      this.reader.fail(`the element type ${describeJson(value)} has no known meaning in schema 8.`)
    );
  }

  device(value: JsonValue | undefined): string {
    const device = this.reader.object(value, 'a device');
    const type = this.reader.string(device.type, 'the type of a device');
    return device.index === null || device.index === undefined
      ? type
      : `${type}:${String(device.index)}`;
  }

  #symbolicScalar(value: JsonValue | undefined, what: string): Dim {
    const { reader } = this;
    const { tag, value: inner } = readUnion(reader, value, what);
    switch (tag) {
      case 'as_int':
        return reader.integer(inner, what);
      case 'as_float':
        return reader.float(inner, what);
      case 'as_bool':
        return reader.boolean(inner, what) ? 1 : 0;
      case 'as_expr': {
        const object = reader.object(inner, what);
        const dim = this.context.dim(reader.string(object.expr_str, `the expression of ${what}`));
        this.#declare(dim, object.hint);
        return dim;
      }
      default:
        return reader.fail(`unknown kind of symbolic scalar ${quote(tag)}.`);
    }
  }

  /** Gives the graph the symbols of an expression; the hint of a lone symbol is the symbol's. */
  #declare(dim: Dim, hint: JsonValue | undefined): void {
    if (typeof dim !== 'object') return;
    const { builder, context } = this;
    for (const name of symbolsOf(dim)) {
      if (!builder.hasSymbol(name))
        builder.symbol(context.ranges.get(name) ?? { name, min: null, max: null });
    }
    if (dim.op !== 'sym' || typeof hint !== 'object' || hint === null || Array.isArray(hint))
      return;
    const value = (hint as JsonObject).as_int;
    if (typeof value !== 'number' && typeof value !== 'bigint') return;
    const known = context.ranges.get(dim.name) ?? { name: dim.name, min: null, max: null };
    if (known.hint === value) return;
    const info = { ...known, hint: value };
    context.ranges.set(dim.name, info);
    builder.symbol(info);
  }
}
