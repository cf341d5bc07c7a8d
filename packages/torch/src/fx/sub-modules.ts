import type { Arg } from '@arfuse/graph';
import { quote } from '../quote.ts';
import { readParameters } from './parameters.ts';
import { type FxSource, formatError, TRUNCATED } from './source.ts';
import { forwardOf, type ModuleText } from './structure.ts';

/** The printed class of a sub-module by its path, or undefined when there is none. A class without code is refused. */
export function childModule(
  source: FxSource,
  module: ModuleText,
  path: string,
): ModuleText | undefined {
  let child: ModuleText | undefined = module;
  for (const part of path.split('.')) child = child?.children.get(part);
  if (child && !forwardOf(child))
    formatError(source, child.at, `the class ${quote(child.name)} has no "forward".`, TRUNCATED);
  return child;
}

/** Positional arguments of a sub-module call, with keywords at their parameter's place. */
export function positionalArguments(
  source: FxSource,
  child: ModuleText,
  call: {
    readonly args: readonly Arg[];
    readonly kwargs: Readonly<Record<string, Arg>> | undefined;
  },
  at: number,
): readonly Arg[] {
  const { kwargs } = call;
  if (!kwargs) return call.args;
  const args: Arg[] = [...call.args];
  readParameters(source, forwardOf(child)!.forward!).forEach(({ name }, index) => {
    const given = Object.hasOwn(kwargs, name) ? kwargs[name] : undefined;
    if (!given) return;
    if (index < call.args.length)
      formatError(source, at, `the argument ${quote(name)} is given twice.`, TRUNCATED);
    args[index] = given;
  });
  return args;
}

/**
 * Refuses a call of a class that must be in the text: a piece of a split graph, or one whose siblings of the same
 * numbering are printed. Other modules without a class are leaves, which FX does not print.
 */
export function refuseMissingModule(
  source: FxSource,
  module: ModuleText,
  path: string,
  at: number,
): void {
  const stem = path.replace(/\d+$/, '');
  if (stem === path) return;
  const sibling = [...module.children.keys()].some(
    (key) => key !== path && key.replace(/\d+$/, '') === stem,
  );
  if (stem === 'submod_' || sibling) {
    formatError(
      source,
      at,
      `the sub-module ${quote(path)} is called, but its class is not in the text.`,
      TRUNCATED,
    );
  }
}
