import { type Arg, NONE, valueArg } from '@arfuse/graph';
import { describeJson, type JsonReader } from '../json/json-reader.ts';
import type { JsonValue } from '../json/parse-json.ts';
import { quote } from '../quote.ts';
import { LAYOUTS, MEMORY_FORMATS } from './enums.ts';
import { opOfTarget } from './op-target.ts';
import { readUnion, type Scope } from './scope.ts';

type Read = (scope: Scope, value: JsonValue) => Arg;

const int = (reader: JsonReader, value: JsonValue): Arg => ({
  kind: 'int',
  value: reader.integer(value, 'an integer'),
});
const float = (reader: JsonReader, value: JsonValue): Arg => ({
  kind: 'float',
  value: reader.float(value, 'a float'),
});
const bool = (reader: JsonReader, value: JsonValue): Arg => ({
  kind: 'bool',
  value: reader.boolean(value, 'a boolean'),
});
const string = (reader: JsonReader, value: JsonValue): Arg => ({
  kind: 'string',
  value: reader.string(value, 'a string'),
});

function list(scope: Scope, value: JsonValue, item: (value: JsonValue) => Arg): Arg {
  return { kind: 'list', items: scope.reader.each(value, 'a list', item) };
}

/** `{"name": "x"}`, the name of a value. */
export function nameOf(reader: JsonReader, value: JsonValue | undefined): string {
  return reader.string(reader.object(value, 'a named argument').name, 'the name of a value');
}

const tensor: Read = (scope, value) => valueArg(scope.resolve(nameOf(scope.reader, value)));

/** `{as_name}` of a value or of an expression that no node computes, or a plain constant. */
function symbolic(scalar: 'int' | 'float' | 'bool'): Read {
  return (scope, value) => {
    const { reader } = scope;
    const { tag, value: inner } = readUnion(reader, value, `a symbolic ${scalar}`);
    if (tag === 'as_int') return int(reader, inner);
    if (tag === 'as_float') return float(reader, inner);
    if (tag === 'as_bool') return bool(reader, inner);
    if (tag !== 'as_name') return reader.fail(`unknown kind of symbolic ${scalar} ${quote(tag)}.`);
    const name = reader.string(inner, 'the name of a symbolic scalar');
    const id = scope.lookup(name);
    if (id !== undefined) return valueArg(id);
    const dim = scope.symbolic(scalar, name);
    return dim === undefined ? valueArg(scope.resolve(name)) : { kind: 'dim', dim };
  };
}

const symInt = symbolic('int');
const symFloat = symbolic('float');
const symBool = symbolic('bool');

const optionalTensor: Read = (scope, value) => {
  const { tag, value: inner } = readUnion(scope.reader, value, 'an optional tensor');
  if (tag === 'as_none') return NONE;
  if (tag === 'as_tensor') return tensor(scope, inner);
  return scope.reader.fail(`unknown kind of optional tensor ${quote(tag)}.`);
};

function enumeration(type: string, names: Readonly<Record<number, string>>): Read {
  return (scope, value) => {
    const name = typeof value === 'number' ? names[value] : undefined;
    return name === undefined
      ? scope.reader.fail(`the ${type} ${describeJson(value)} has no known meaning in schema 8.`)
      : { kind: 'enum', type, value: name };
  };
}

const plural =
  (read: Read): Read =>
  (scope, value) =>
    list(scope, value, (item) => read(scope, item));
const plain =
  (read: (reader: JsonReader, value: JsonValue) => Arg): Read =>
  (scope, value) =>
    read(scope.reader, value);

/** Every tag of the `Argument` union up to schema 8.20. `as_graph` is read by the caller, who owns sub-graphs. */
const READERS: Readonly<Record<string, Read>> = {
  as_none: () => NONE,
  as_tensor: tensor,
  as_tensors: plural(tensor),
  as_nested_tensors: plural(plural(tensor)),
  as_optional_tensor: optionalTensor,
  as_optional_tensors: plural(optionalTensor),
  as_int: plain(int),
  as_ints: plural(plain(int)),
  as_int_lists: plural(plural(plain(int))),
  as_float: plain(float),
  as_floats: plural(plain(float)),
  as_float_lists: plural(plural(plain(float))),
  as_bool: plain(bool),
  as_bools: plural(plain(bool)),
  as_string: plain(string),
  as_strings: plural(plain(string)),
  as_sym_int: symInt,
  as_sym_ints: plural(symInt),
  as_sym_float: symFloat,
  as_sym_floats: plural(symFloat),
  as_sym_bool: symBool,
  as_sym_bools: plural(symBool),
  as_scalar_type: (scope, value) => ({ kind: 'dtype', value: scope.dtype(value) }),
  as_layout: enumeration('layout', LAYOUTS),
  as_memory_format: enumeration('memory_format', MEMORY_FORMATS),
  as_device: (scope, value) => ({ kind: 'device', value: scope.device(value) }),
  as_custom_obj: tensor,
  as_operator: (scope, value) => ({
    kind: 'op',
    name: opOfTarget(scope.reader.string(value, 'the name of an op')),
  }),
  as_complex: (scope, value) => {
    const { reader } = scope;
    const object = reader.object(value, 'a complex number');
    return {
      kind: 'complex',
      re: reader.float(object.real, 'the real part'),
      im: reader.float(object.imag, 'the imaginary part'),
    };
  },
};

/**
 * Decodes one `Argument`.
 * @param graph - reads `{name, graph}` of an `as_graph` argument and gives the name of the sub-graph
 */
export function readArgument(
  scope: Scope,
  value: JsonValue | undefined,
  graph: (value: JsonValue) => string,
): Arg {
  const { reader } = scope;
  const { tag, value: inner } = readUnion(reader, value, 'an argument');
  return reader.at(tag, (): Arg => {
    if (tag === 'as_graph') return { kind: 'graph', name: graph(inner) };
    if (tag === 'as_string_to_argument') {
      const object = reader.object(inner, 'a dictionary of arguments');
      return {
        kind: 'dict',
        entries: Object.keys(object).map((key) => [
          { kind: 'string', value: key },
          reader.at(key, () => readArgument(scope, object[key], graph)),
        ]),
      };
    }
    const read = Object.hasOwn(READERS, tag) ? READERS[tag] : undefined;
    if (read) return read(scope, inner);
    return reader.fail(
      `unknown kind of argument ${quote(tag)}.`,
      'It was added after schema 8.20; upgrade @arfuse/torch, or export with an older PyTorch.',
    );
  });
}
