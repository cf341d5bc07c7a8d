const TARGET = /^([A-Za-z_]\w*)\s*(?::\s*(?:"([^"]*)"|[^\s="][^="]*))?=(?!=)/;
const FREES = /;\s+((?:[A-Za-z_]\w* = )+)None[ \t\r]*$/;
/** Targets and frees are searched this far from either end of a statement. */
const REACH = 4096;

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

/** Takes an unknown statement apart as far as its text allows. */
export function splitRawStatement(source: string, at: number, end: number): RawStatement {
  const text = source.slice(at, end).trimEnd();
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
