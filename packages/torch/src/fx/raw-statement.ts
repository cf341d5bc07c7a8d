import { type Arg, eachValue, type ValueId, valueArg } from '@arfuse/graph';
import { quote } from '../quote.ts';
import type { FxProgram } from './program.ts';
import type { Scope } from './scope.ts';
import { excerpt, type FxSource, formatError } from './source.ts';
import type { ModuleText } from './structure.ts';

const TARGET = /^([A-Za-z_]\w*)\s*(?::\s*(?:"([^"]*)"|[^\s="][^="]*))?=(?!=)/;
const FREES = /;\s+((?:[A-Za-z_]\w* = )+)None[ \t\r]*$/;
/** Targets and frees are searched this far from either end of a statement. */
const REACH = 4096;

/** Statements that decide whether and how often others run. */
const BLOCK =
  /^(?:async|class|def|elif|else|except|finally|for|if|match|return|try|while)\b(?!\s*[=.([])/;
/** Names of collectives and of the namespaces that hold them, also within the name of a value. */
const COLLECTIVE =
  /all_?reduce|all_?gather|all_?to_?all|reduce_?scatter|c10d|collective|distributed|nccl|symm_?mem/i;

const UNKNOWN =
  'The file is damaged, or its producer writes what arfuse does not know: then please report it.';

/** What can be said about a statement that is no expression of FX. */
export interface RawStatement {
  readonly text: string;
  /** Name that the statement assigns. */
  readonly name: string | undefined;
  readonly annotation: string | undefined;
  readonly freed: readonly string[] | undefined;
  /** Every identifier on its right-hand side. */
  readonly words: ReadonlySet<string>;
}

/**
 * Takes an unknown statement apart as far as its text allows.
 * @throws GraphFormatError for one that may hide a collective or that changes what other statements mean
 */
export function splitRawStatement(source: FxSource, at: number, end: number): RawStatement {
  const text = source.text.slice(at, end).trimEnd();
  refuse(source, at, text);
  const target = TARGET.exec(text.slice(0, REACH));
  const freed = FREES.exec(text.slice(-REACH))?.[1]?.split(' = ');
  const words = new Set<string>();
  for (const [word] of text.slice(target?.[0].length ?? 0).matchAll(/[A-Za-z_]\w*/g))
    words.add(word);
  return {
    text,
    name: target?.[1],
    annotation: target?.[2],
    freed: freed?.filter((name) => name !== ''),
    words,
  };
}

function refuse(source: FxSource, at: number, text: string): void {
  if (text.startsWith('%')) {
    formatError(
      source,
      at,
      `a line of another text format stands in the code: ${excerpt(text, 0)}`,
      'Two captures were mixed: give each as a file of its own.',
    );
  }
  if (BLOCK.test(text)) {
    formatError(source, at, `FX prints no such block: ${excerpt(text, 0)}`, UNKNOWN);
  }
  if (COLLECTIVE.test(text)) {
    formatError(
      source,
      at,
      `the statement cannot be read, and may hide a collective: ${excerpt(text, 0)}`,
      UNKNOWN,
    );
  }
}

/**
 * The values that a kept statement names: it may read and change them.
 * @throws GraphFormatError when it names a printed sub-module, which may hold a collective
 */
export function namedValues(
  words: ReadonlySet<string>,
  at: number,
  scope: Scope,
  program: FxProgram,
  module: ModuleText,
): Arg[] {
  const values = new Set<ValueId>();
  for (const word of words) {
    const binding = scope.get(word);
    if (binding?.kind === 'graph' || (!binding && module.children.has(word))) {
      formatError(
        program.context.source,
        at,
        `the statement names the sub-module ${quote(word)}, but cannot be read.`,
        UNKNOWN,
      );
    }
    if (binding?.kind === 'results') values.add(program.builder.result(binding.node));
    else if (binding) eachValue(binding, (id) => values.add(id));
  }
  return [...values].map(valueArg);
}
