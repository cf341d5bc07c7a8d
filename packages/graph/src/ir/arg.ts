import type { DType } from '@arfuse/contract';
import type { Dim } from '../dim/dim.ts';

/** Index of a value in its graph. */
export type ValueId = number;

/** An argument of a node, tagged by kind. Integers are exact: bigint beyond 2^53. */
export type Arg =
  | { readonly kind: 'value'; readonly id: ValueId }
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'dtype'; readonly value: DType }
  /** `cuda:0`, `cpu`, `meta`. */
  | { readonly kind: 'device'; readonly value: string }
  /** `layout` `memory_format` and other enumerations, by qualified name without `torch.`: `strided`, `contiguous_format`. */
  | { readonly kind: 'enum'; readonly type: string; readonly value: string }
  | { readonly kind: 'list' | 'tuple'; readonly items: readonly Arg[] }
  | { readonly kind: 'dict'; readonly entries: readonly (readonly [key: Arg, value: Arg])[] }
  | { readonly kind: 'slice'; readonly start: Arg; readonly stop: Arg; readonly step: Arg }
  /** An op as a value, e.g. the first argument of a higher-order op. */
  | { readonly kind: 'op'; readonly name: string }
  /** A symbolic integer written in place. */
  | { readonly kind: 'dim'; readonly dim: Dim }
  /** A sub-graph of this graph by name. */
  | { readonly kind: 'graph'; readonly name: string }
  | { readonly kind: 'complex'; readonly re: number; readonly im: number }
  /** Anything that the importer does not model, as text. */
  | { readonly kind: 'raw'; readonly text: string };

/** Python's `None`. */
export const NONE: Arg = { kind: 'none' };

/** An argument that is a value. */
export function valueArg(id: ValueId): Arg {
  return { kind: 'value', id };
}

/** Calls `visit` for every value inside an argument, in order. */
export function eachValue(arg: Arg, visit: (id: ValueId) => void): void {
  switch (arg.kind) {
    case 'value':
      visit(arg.id);
      break;
    case 'list':
    case 'tuple':
      for (const item of arg.items) eachValue(item, visit);
      break;
    case 'dict':
      for (const [key, value] of arg.entries) {
        eachValue(key, visit);
        eachValue(value, visit);
      }
      break;
    case 'slice':
      eachValue(arg.start, visit);
      eachValue(arg.stop, visit);
      eachValue(arg.step, visit);
      break;
  }
}

/** The argument with every value replaced; the same object when nothing changes. */
export function mapValues(arg: Arg, replace: (id: ValueId) => ValueId): Arg {
  switch (arg.kind) {
    case 'value': {
      const id = replace(arg.id);
      return id === arg.id ? arg : { kind: 'value', id };
    }
    case 'list':
    case 'tuple': {
      const items = arg.items.map((item) => mapValues(item, replace));
      return items.every((item, i) => item === arg.items[i]) ? arg : { kind: arg.kind, items };
    }
    case 'dict': {
      const entries = arg.entries.map(
        ([key, value]) => [mapValues(key, replace), mapValues(value, replace)] as const,
      );
      return entries.every(
        (entry, i) => entry[0] === arg.entries[i]![0] && entry[1] === arg.entries[i]![1],
      )
        ? arg
        : { kind: 'dict', entries };
    }
    case 'slice': {
      const start = mapValues(arg.start, replace);
      const stop = mapValues(arg.stop, replace);
      const step = mapValues(arg.step, replace);
      return start === arg.start && stop === arg.stop && step === arg.step
        ? arg
        : { kind: 'slice', start, stop, step };
    }
    default:
      return arg;
  }
}

/** Keyword arguments with every value replaced; the same object when nothing changes. */
export function mapKwargs(
  kwargs: Readonly<Record<string, Arg>>,
  replace: (id: ValueId) => ValueId,
): Readonly<Record<string, Arg>> {
  let changed = false;
  const entries = Object.entries(kwargs).map(([key, arg]) => {
    const mapped = mapValues(arg, replace);
    changed ||= mapped !== arg;
    return [key, mapped] as const;
  });
  return changed ? Object.fromEntries(entries) : kwargs;
}
