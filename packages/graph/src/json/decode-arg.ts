import { DTYPES } from '@arfuse/contract';
import { constant, type Dim, float, fn, sym } from '../dim/dim.ts';
import { MAX_DIM_DEPTH } from '../dim/parse.ts';
import { applyOp } from '../dim/substitute.ts';
import type { Arg } from '../ir/arg.ts';
import type { ValueType } from '../ir/type.ts';
import type { JsonReader } from './reader.ts';

const DIM_OPS = ['add', 'mul', 'min', 'max', 'floordiv', 'mod', 'pow'] as const;

/** Deepest nesting of arguments and sub-graphs. */
const MAX_DEPTH = 200;

/** @throws GraphFormatError beyond the deepest nesting */
export function deeper(reader: JsonReader, depth: number): number {
  if (depth >= MAX_DEPTH) reader.fail(`nested deeper than ${MAX_DEPTH} levels.`);
  return depth + 1;
}

/** Reads what `encodeDim` gives, and brings it into canonical form. */
export function decodeDim(reader: JsonReader, depth = 0): Dim {
  if (typeof reader.value !== 'object' || reader.value === null) return constant(reader.int);
  if (depth >= MAX_DIM_DEPTH) reader.fail(`an expression has at most ${MAX_DIM_DEPTH} levels.`);
  if (reader.has('sym')) return sym(reader.only(['sym']).at('sym').string);
  if (reader.has('float')) {
    const { string } = reader.only(['float']).at('float');
    const dim = float(string);
    return typeof dim === 'object' && dim.op === 'float' && dim.text === string
      ? dim
      : reader.fail(`"${string}" is no canonical float.`);
  }
  const args = (least: number): Dim[] => {
    const { items } = reader.at('args');
    if (items.length < least)
      reader.at('args').fail(`expected at least ${least} operands, found ${items.length}.`);
    return items.map((item) => decodeDim(item, depth + 1));
  };
  if (reader.has('fn')) {
    const name = reader.only(['fn', 'args']).at('fn');
    // Such a function would have the same key as the operator.
    if (DIM_OPS.some((op) => op === name.string))
      name.fail(`"${name.string}" is an operator, not a function.`);
    return fn(name.string, ...args(0));
  }
  const op = reader.only(['op', 'args']).at('op').oneOf(DIM_OPS);
  if (op === 'floordiv' || op === 'mod' || op === 'pow') reader.at('args').tuple(2);
  // What other programs write need not be in canonical form.
  return applyOp(op, args(1));
}

/** Reads what `encodeArg` gives; `values` is the number of values of the graph. */
export function decodeArg(reader: JsonReader, values: number, depth = 0): Arg {
  const next = deeper(reader, depth);
  const [key, ...more] = Object.keys(reader.record);
  if (key === undefined || more.length > 0)
    reader.fail('expected an object with one member, the kind of the argument.');
  const of = reader.at(key);
  const list = (): Arg[] => of.items.map((item) => decodeArg(item, values, next));
  switch (key) {
    case 'value':
      return { kind: 'value', id: of.index(values, 'value') };
    case 'int':
      return { kind: 'int', value: constant(of.int) };
    case 'float':
      return { kind: 'float', value: of.float };
    case 'bool':
      return { kind: 'bool', value: of.bool };
    case 'string':
      return { kind: 'string', value: of.string };
    case 'none':
    case 'ellipsis':
      of.requireTrue();
      return { kind: key };
    case 'dtype':
      return { kind: 'dtype', value: of.oneOf(DTYPES) };
    case 'device':
      return { kind: 'device', value: of.string };
    case 'enum': {
      const [type, value] = of.tuple(2);
      return { kind: 'enum', type: type!.string, value: value!.string };
    }
    case 'list':
      return { kind: 'list', items: list() };
    case 'tuple':
      return { kind: 'tuple', items: list() };
    case 'dict':
      return {
        kind: 'dict',
        entries: of.items.map((entry) => {
          const [k, v] = entry.tuple(2);
          return [decodeArg(k!, values, next), decodeArg(v!, values, next)] as const;
        }),
      };
    case 'slice': {
      const [start, stop, step] = of.tuple(3).map((item) => decodeArg(item, values, next));
      return { kind: 'slice', start: start!, stop: stop!, step: step! };
    }
    case 'op':
      return { kind: 'op', name: of.string };
    case 'dim':
      return { kind: 'dim', dim: decodeDim(of) };
    case 'graph':
      return { kind: 'graph', name: of.string };
    case 'complex': {
      const [re, im] = of.tuple(2);
      return { kind: 'complex', re: re!.float, im: im!.float };
    }
    case 'raw':
      return { kind: 'raw', text: of.string };
    default:
      return reader.fail(`unknown kind of argument "${key}".`);
  }
}

/** Reads a type: its kind follows from its members. */
export function decodeType(reader: JsonReader): ValueType {
  if (reader.has('dtype')) {
    reader.only(['dtype', 'shape', 'strides', 'device', 'wrapper']);
    const strides = reader.optional('strides')?.items.map((item) => decodeDim(item));
    const device = reader.optional('device')?.string;
    const wrapper = reader.optional('wrapper')?.string;
    return {
      kind: 'tensor',
      dtype: reader.at('dtype').oneOf(DTYPES),
      shape: reader.at('shape').items.map((item) => decodeDim(item)),
      ...(strides ? { strides } : {}),
      ...(device === undefined ? {} : { device }),
      ...(wrapper === undefined ? {} : { wrapper }),
    };
  }
  if (reader.has('scalar')) {
    return {
      kind: 'sym',
      scalar: reader.only(['scalar', 'expr']).at('scalar').oneOf(['int', 'float', 'bool']),
      expr: decodeDim(reader.at('expr')),
    };
  }
  if (reader.has('list')) {
    reader.only(['list']).at('list').requireTrue();
    return { kind: 'list' };
  }
  return { kind: 'opaque', text: reader.only(['opaque']).at('opaque').string };
}
