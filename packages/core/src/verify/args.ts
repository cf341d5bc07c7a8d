import { type Arg, eachValue, type ValueId } from '@arfuse/graph';

/** Text of a string argument; empty for anything else. */
export const textOf = (arg: Arg | undefined): string => (arg?.kind === 'string' ? arg.value : '');

export const valueOf = (arg: Arg | undefined): ValueId | undefined =>
  arg?.kind === 'value' ? arg.id : undefined;

/** Texts of a list of strings. */
export const textsOf = (arg: Arg | undefined): string[] =>
  arg?.kind === 'list' ? arg.items.map(textOf) : [];

/** Values of arguments in the order in which they stand. */
export function valuesOf(
  args: readonly Arg[],
  kwargs: Readonly<Record<string, Arg>> = {},
): ValueId[] {
  const found: ValueId[] = [];
  for (const arg of [...args, ...Object.values(kwargs)])
    eachValue(arg, (value) => found.push(value));
  return found;
}
