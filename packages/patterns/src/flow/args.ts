import type { DType } from '@arfuse/contract';
import type { Arg, Graph, Node, ValueId } from '@arfuse/graph';

/** The value that an argument is, or undefined when it is a literal or absent. */
export function valueOf(arg: Arg | undefined): ValueId | undefined {
  return arg?.kind === 'value' ? arg.id : undefined;
}

/** A literal number: integer, float, or a constant dimension. */
export function numberOf(arg: Arg | undefined): number | undefined {
  switch (arg?.kind) {
    case 'int':
      return Number(arg.value);
    case 'float':
      return arg.value;
    case 'dim':
      return typeof arg.dim === 'object' ? undefined : Number(arg.dim);
    default:
      return undefined;
  }
}

export function boolOf(arg: Arg | undefined): boolean | undefined {
  if (arg?.kind === 'bool') return arg.value;
  return arg?.kind === 'int' ? Number(arg.value) !== 0 : undefined;
}

/** Literal integers of a list, or of a single number; undefined when an item is no literal. */
export function numbersOf(arg: Arg | undefined): number[] | undefined {
  if (arg?.kind === 'list' || arg?.kind === 'tuple') {
    const numbers = arg.items.map(numberOf);
    return numbers.every((n): n is number => n !== undefined) ? numbers : undefined;
  }
  const single = numberOf(arg);
  return single === undefined ? undefined : [single];
}

export function isNone(arg: Arg | undefined): boolean {
  return arg === undefined || arg.kind === 'none';
}

/** The dtype among a call's arguments, when it names one. */
export function dtypeArg(node: Node): DType | undefined {
  const named = node.kwargs.dtype;
  if (named?.kind === 'dtype') return named.value;
  for (const arg of node.args) if (arg.kind === 'dtype') return arg.value;
  return undefined;
}

/**
 * The argument given for a parameter, by keyword, by position in `params`, or, in a call that
 * `auto_functionalized_v2` wraps, by its index into `_all_bases`. Several names for one parameter
 * are separated by `|`.
 */
export function argOf(node: Node, params: readonly string[], param: string): Arg | undefined {
  for (const name of param.split('|')) {
    const named = node.kwargs[name];
    if (named) return named;
    const base = baseOf(node, name);
    if (base) return base;
  }
  const position = params.indexOf(param);
  return position >= 0 ? node.args[position] : undefined;
}

function baseOf(node: Node, name: string): Arg | undefined {
  const index = numberOf(node.kwargs[`_${name}_base_index`]);
  const bases = node.kwargs._all_bases;
  if (index === undefined || bases?.kind !== 'list') return undefined;
  // A parameter that is a slice of its base is another tensor than the base.
  if (node.kwargs[`_${name}_slice_dim`]) return undefined;
  return bases.items[index];
}

/**
 * The state of a parameter after a call that changes it, in whatever form the capture shows: in place, or
 * as an item of `auto_functionalized`. Undefined when nothing reads it.
 *
 * @param mutated the changed parameters in schema order, for wrappers whose items carry no name
 */
export function stateOf(
  graph: Graph,
  node: Node,
  params: readonly string[],
  param: string,
  mutated: readonly string[] = [],
): ValueId | undefined {
  const before = valueOf(argOf(node, params, param));
  const names = param.split('|');
  const position = params.indexOf(param);
  let loose: ValueId | undefined;
  for (const id of node.outputs) {
    const { source } = graph.value(id);
    if (source.kind !== 'write' || source.via !== 'direct') continue;
    if (names.includes(String(source.arg)) || (source.arg === position && !node.wrapper)) return id;
    if (source.of === before) loose ??= id;
  }
  if (loose !== undefined) return loose;
  const slot = mutated.indexOf(param);
  // Results that the op returns come first, one empty slot when it returns none.
  return node.wrapper === 'auto_functionalized' && slot >= 0
    ? graph.result(node, slot + 1)?.id
    : undefined;
}
