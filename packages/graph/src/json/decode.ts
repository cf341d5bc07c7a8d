import { type Place, requireSpecificationVersion } from '@arfuse/contract';
import { constant } from '../dim/dim.ts';
import { type Arg, eachValue } from '../ir/arg.ts';
import { Graph } from '../ir/graph.ts';
import type {
  Node,
  NodeId,
  Provenance,
  SymbolInfo,
  Value,
  ValueSource,
} from '../ir/graph-parts.ts';
import type { ValueType } from '../ir/type.ts';
import { decodeArg, decodeDim, decodeType, deeper } from './decode-arg.ts';
import { decodeMeta } from './decode-meta.ts';
import { GRAPH_FORMAT } from './encode.ts';
import { JsonReader } from './reader.ts';

function decodeSource(reader: JsonReader, values: number): ValueSource {
  const write = reader.optional('write');
  if (write) {
    if (reader.has('result')) reader.fail('a value is either a result or a state, not both.');
    const arg = write.only(['arg', 'of', 'via']).at('arg');
    return {
      kind: 'write',
      arg:
        typeof arg.value === 'string' ? arg.string : arg.index(Number.MAX_SAFE_INTEGER, 'argument'),
      of: write.at('of').index(values, 'value'),
      via: write.at('via').oneOf(['direct', 'alias']),
    };
  }
  if (!reader.has('result')) return { kind: 'input' };
  const index = reader.at('result');
  return {
    kind: 'result',
    index: index.isNull ? null : index.index(Number.MAX_SAFE_INTEGER, 'result'),
  };
}

interface Outline {
  readonly name: string;
  readonly type: ValueType | null;
  readonly source: ValueSource;
  /** Node that defined the value, when a rewrite removed it. */
  readonly removed: NodeId | null;
}

function decodeNode(reader: JsonReader, values: number): Node {
  reader.only(['id', 'name', 'op', 'args', 'kwargs', 'outputs', 'wrapper', 'provenance']);
  const kwargs: Record<string, Arg> = {};
  for (const entry of reader.optional('kwargs')?.items ?? []) {
    const [key, arg] = entry.tuple(2);
    if (Object.hasOwn(kwargs, key!.string)) entry.fail(`keyword "${key!.string}" is given twice.`);
    Object.defineProperty(kwargs, key!.string, {
      value: decodeArg(arg!, values),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  const wrapper = reader
    .optional('wrapper')
    ?.oneOf(['auto_functionalized', 'auto_functionalized_v2']);
  return {
    id: reader.at('id').index(Number.MAX_SAFE_INTEGER, 'node'),
    name: reader.at('name').string,
    op: reader.at('op').string,
    args: reader.optional('args')?.items.map((item) => decodeArg(item, values)) ?? [],
    kwargs,
    outputs: reader.optional('outputs')?.items.map((item) => item.index(values, 'value')) ?? [],
    ...(wrapper ? { wrapper } : {}),
    provenance: decodeProvenance(reader.optional('provenance')),
  };
}

function decodeProvenance(reader: JsonReader | undefined): Provenance {
  if (!reader) return {};
  reader.only(['line', 'pointer', 'path', 'module', 'stack']);
  const line = reader.optional('line')?.index(Number.MAX_SAFE_INTEGER, 'line');
  const text = (key: 'pointer' | 'path' | 'module' | 'stack'): Record<string, string> => {
    const found = reader.optional(key)?.string;
    return found === undefined ? {} : { [key]: found };
  };
  return {
    ...(line === undefined ? {} : { line }),
    ...text('pointer'),
    ...text('path'),
    ...text('module'),
    ...text('stack'),
  };
}

function decodeSymbol(reader: JsonReader): SymbolInfo {
  const bound = (key: 'min' | 'max'): number | bigint | null => {
    const found = reader.at(key);
    return found.isNull ? null : constant(found.int);
  };
  reader.only(['name', 'min', 'max', 'hint']);
  const hint = reader.optional('hint')?.int;
  return {
    name: reader.at('name').string,
    min: bound('min'),
    max: bound('max'),
    ...(hint === undefined ? {} : { hint: constant(hint) }),
  };
}

const PARTS = [
  'meta',
  'symbols',
  'equalities',
  'values',
  'nodes',
  'inputs',
  'outputs',
  'inputWrites',
  'subgraphs',
];

function decodeParts(reader: JsonReader, depth: number): Graph {
  const next = deeper(reader, depth);
  const valueReaders = reader.at('values').items;
  const count = valueReaders.length;
  const outlines = valueReaders.map((item): Outline => {
    item.only(['name', 'type', 'result', 'write', 'removed']);
    const type = item.optional('type');
    const removed = item.optional('removed')?.index(Number.MAX_SAFE_INTEGER, 'node') ?? null;
    return {
      name: item.at('name').string,
      type: type ? decodeType(type) : null,
      source: decodeSource(item, count),
      removed,
    };
  });
  const nodeReaders = reader.at('nodes').items;
  const nodes = nodeReaders.map((item) => decodeNode(item, count));
  const inputReaders = reader.at('inputs').items;
  const inputs = inputReaders.map((item) => item.index(count, 'value'));
  const defined = new Int32Array(count).fill(-2);
  checkNames(outlines, valueReaders);
  checkNames(nodes, nodeReaders);
  inputs.forEach((input, i) => {
    if (defined[input] !== -2) inputReaders[i]!.fail(`value ${input} is an input twice.`);
    if (outlines[input]!.source.kind !== 'input')
      inputReaders[i]!.fail(`value ${input} is an input and a result.`);
    defined[input] = -1;
  });
  const seen = new Set<NodeId>();
  nodes.forEach((node, i) => {
    const at = nodeReaders[i]!;
    if (seen.has(node.id)) at.fail(`node id ${node.id} occurs twice.`);
    seen.add(node.id);
    const read = (value: number): void => {
      if (defined[value] === -2)
        at.fail(
          `node "${node.name}" reads "${outlines[value]!.name}", which nothing defines before it.`,
          'Nodes stand in program order; a graph has no cycles.',
        );
    };
    for (const arg of node.args) eachValue(arg, read);
    for (const arg of Object.values(node.kwargs)) eachValue(arg, read);
    for (const output of node.outputs) {
      if (defined[output] !== -2)
        at.fail(`value ${output} ("${outlines[output]!.name}") is defined twice.`);
      if (outlines[output]!.source.kind === 'input')
        at.fail(`node "${node.name}" defines "${outlines[output]!.name}", which is an input.`);
      defined[output] = node.id;
    }
  });
  const values = outlines.map(({ name, type, source, removed }, id): Value => {
    const node = defined[id]! < 0 ? null : defined[id]!;
    if (removed !== null && (defined[id] !== -2 || seen.has(removed)))
      valueReaders[id]!.fail(`value "${name}" was not removed.`);
    return { id, name, type, node: node ?? removed, source };
  });
  const outputs = reader.at('outputs').items.map((item) => {
    const arg = decodeArg(item, count);
    eachValue(arg, (value) => {
      if (defined[value] === -2)
        item.fail(`the program returns "${outlines[value]!.name}", which nothing defines.`);
    });
    return arg;
  });
  return new Graph({
    meta: decodeMeta(reader.at('meta')),
    symbols: byName(reader.at('symbols').items, 'symbol', decodeSymbol),
    equalities: reader.at('equalities').items.map((pair) => {
      const [left, right] = pair.tuple(2).map((item) => decodeDim(item));
      return { left: left!, right: right! };
    }),
    values,
    nodes,
    inputs,
    outputs,
    inputWrites: reader.at('inputWrites').items.map((item) => {
      const input = item.only(['input', 'value']).at('input').index(count, 'value');
      const value = item.at('value').index(count, 'value');
      if (outlines[input]!.source.kind !== 'input')
        item.at('input').fail(`value ${input} ("${outlines[input]!.name}") is no input.`);
      if (defined[value] === -2)
        item.at('value').fail(`nothing defines "${outlines[value]!.name}".`);
      return { input, value };
    }),
    subgraphs: byName(reader.at('subgraphs').items, 'sub-graph', (item) =>
      decodeParts(item.only(['name', ...PARTS]), next),
    ),
  });
}

/** Items that have a name each, by name. */
function byName<T>(
  readers: readonly JsonReader[],
  what: string,
  decode: (item: JsonReader) => T,
): Map<string, T> {
  const items = new Map<string, T>();
  for (const item of readers) {
    const name = item.at('name').string;
    if (items.has(name)) item.fail(`the ${what} "${name}" is given twice.`);
    items.set(name, decode(item));
  }
  return items;
}

function checkNames(
  named: readonly { readonly name: string }[],
  readers: readonly JsonReader[],
): void {
  const names = new Map<string, number>();
  named.forEach(({ name }, i) => {
    const first = names.get(name);
    if (first !== undefined)
      readers[i]!.fail(`the name "${name}" is defined twice (${first} and ${i}).`);
    names.set(name, i);
  });
}

/** Whether a JSON value says that it is a graph document. */
export function isGraphJson(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as Record<string, unknown>).format === GRAPH_FORMAT
  );
}

/**
 * Reads what `graphToJson` gives.
 * @param value - a parsed JSON value; bigints from an exact parser are welcome
 * @param place - the file that it came from, for errors
 * @throws GraphFormatError with a JSON pointer, SpecificationVersionError
 */
export function graphFromJson(value: unknown, place: Place = {}): Graph {
  const reader = new JsonReader(value, place);
  if (!isGraphJson(value))
    reader.fail(`expected "format": "${GRAPH_FORMAT}".`, 'Give a graph that arfuse has written.');
  requireSpecificationVersion('arfuse graph', reader.optional('specificationVersion')?.value);
  reader.only(['format', 'specificationVersion', ...PARTS]);
  return decodeParts(reader, 0);
}
