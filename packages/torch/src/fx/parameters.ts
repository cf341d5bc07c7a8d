import { quote } from '../quote.ts';
import { splitTopLevel } from './annotation.ts';
import { APOSTROPHE, CLOSE, COMMA, HASH, QUOTE, stringEnd } from './characters.ts';
import { logicalLineEnd } from './logical-line.ts';
import { type FxSource, formatError, TRUNCATED } from './source.ts';
import type { FunctionText } from './structure.ts';

/** A parameter of `forward`. */
export interface Parameter {
  readonly name: string;
  /** Text of the annotation without quotes. */
  readonly annotation: string | undefined;
  readonly at: number;
}

/** Cuts `name: "annotation" = default` into its parts. */
function parameter(source: FxSource, from: number, to: number): Parameter | undefined {
  const { text } = source;
  let at = from;
  while (at < to && (text.charCodeAt(at) <= 0x20 || text[at] === '*')) at += 1;
  if (at >= to) return undefined;
  const match = /([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)\s*(:?)\s*/y;
  match.lastIndex = at;
  const head = match.exec(text);
  if (!head || match.lastIndex > to) {
    return formatError(
      source,
      at,
      `expected a parameter name, found ${JSON.stringify(text.slice(at, Math.min(to, at + 30)))}.`,
      TRUNCATED,
    );
  }
  const name = head[1]!;
  if (head[2] !== ':') return { name, annotation: undefined, at };
  const start = match.lastIndex;
  const code = text.charCodeAt(start);
  if (code === QUOTE || code === APOSTROPHE) {
    return { name, annotation: text.slice(start + 1, stringEnd(text, start) - 1), at };
  }
  const [annotation] = splitTopLevel(text.slice(start, to), 0x3d);
  return { name, annotation: annotation || undefined, at };
}

/** The parameters of a `forward`, without `self`. Comments after a parameter are skipped. */
export function readParameters(source: FxSource, fn: FunctionText): Parameter[] {
  const { text } = source;
  const limit = logicalLineEnd(source, fn.at, text.length);
  const parameters: Parameter[] = [];
  const seen = new Set<string>();
  let start = fn.open + 1;
  let depth = 1;
  const push = (end: number): void => {
    const read = parameter(source, start, end);
    if (read === undefined || read.name === 'self') return;
    if (seen.has(read.name))
      formatError(source, read.at, `the parameter ${quote(read.name)} occurs twice.`, TRUNCATED);
    seen.add(read.name);
    parameters.push(read);
  };
  for (let at = start; at < limit; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE || code === APOSTROPHE) at = stringEnd(text, at) - 1;
    else if (code === HASH) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? limit : end;
      // A comment stands behind the comma of its parameter.
      if (text.slice(start, at).trimStart().startsWith('#')) start = at;
    } else if (code === 0x28 || code === 0x5b) depth += 1;
    else if (code === CLOSE || code === 0x5d) {
      depth -= 1;
      if (depth === 0) {
        push(at);
        return parameters;
      }
    } else if (code === COMMA && depth === 1) {
      push(at);
      start = at + 1;
    }
  }
  return formatError(source, fn.open, 'the parameters of "forward" do not end.', TRUNCATED);
}
