import { type Arg, NONE } from '../ir/arg.ts';
import type { ValueSource } from '../ir/graph-parts.ts';
import { type OpInfo, OpRegistry } from '../ops/op-registry.ts';
import type { NodeSpec } from './graph-builder.ts';

/** An argument that a call changes, with its position or keyword. */
export type WrittenArgument = readonly [key: number | string, arg: Arg];

/** The arguments that a call changes: by the registry, else by the name of the op, else all when it returns nothing. */
export function writtenArguments(
  spec: NodeSpec,
  info: OpInfo | undefined,
  args: readonly Arg[],
  kwargs: Readonly<Record<string, Arg>>,
): WrittenArgument[] {
  const given = (): WrittenArgument[] => [...args.entries(), ...Object.entries(kwargs)];
  if (info) return declaredWrites(info, args, kwargs);
  if (OpRegistry.writesFirstByName(spec.op)) return given().slice(0, 1);
  // Without a schema an op that returns nothing exists for what it changes.
  return spec.results.kind === 'none' ? given() : [];
}

/** One argument per changed parameter: `auto_functionalized` returns a state for each, also for one that is not given. */
function declaredWrites(
  info: OpInfo,
  args: readonly Arg[],
  kwargs: Readonly<Record<string, Arg>>,
): WrittenArgument[] {
  const written: WrittenArgument[] = [];
  for (const param of info.writes ?? []) {
    const position = info.params?.indexOf(param) ?? -1;
    const keyword = kwargs[param];
    const arg = keyword ?? args[position];
    const found: WrittenArgument =
      keyword === undefined && arg !== undefined ? [position, arg] : [param, arg ?? NONE];
    if (position >= 0) written.push(found);
    // Another spelling of the parameter before it.
    else if (keyword !== undefined) written.splice(-1, 1, found);
  }
  return written;
}

/** What item `index` of the result of a call is: see `GraphBuilder.item`. */
export function itemSource(
  call: {
    readonly spec: NodeSpec;
    readonly kwargs: Readonly<Record<string, Arg>>;
    readonly writes: readonly WrittenArgument[];
  },
  index: number,
  info: OpInfo | undefined,
): ValueSource {
  const { spec, kwargs, writes } = call;
  const result: ValueSource = { kind: 'result', index };
  if (!spec.wrapper) return result;
  // An op that returns nothing still has an item for it, which is None.
  const slot = index - Math.max(1, info?.returns ?? 0);
  if (slot < 0) return result;
  if (spec.wrapper === 'auto_functionalized') {
    const [key, arg] = writes[slot] ?? [];
    return key !== undefined && arg?.kind === 'value'
      ? { kind: 'write', arg: key, of: arg.id, via: 'direct' }
      : result;
  }
  // v2 returns the changed bases, in the order of `_all_bases`.
  const bases = kwargs._all_bases;
  const base = bases?.kind === 'list' ? bases.items[slot] : undefined;
  return base?.kind === 'value'
    ? { kind: 'write', arg: parameterOfBase(kwargs, slot), of: base.id, via: 'direct' }
    : result;
}

/** The parameter that uses a base: `_<param>_base_index` says so, or `_<param>_<i>_base_index` for an item of a list. */
function parameterOfBase(kwargs: Readonly<Record<string, Arg>>, slot: number): string {
  for (const [key, arg] of Object.entries(kwargs)) {
    const param = /^_(.*)_base_index$/.exec(key)?.[1];
    if (param === undefined || arg.kind !== 'int' || Number(arg.value) !== slot) continue;
    const list = /^(.*)_\d+$/.exec(param)?.[1];
    return list !== undefined && Object.hasOwn(kwargs, `_${list}_length`) ? list : param;
  }
  return '_all_bases';
}
