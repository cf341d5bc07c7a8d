import type { ImportLimits } from '../importer.ts';
import { quote } from '../quote.ts';
import { COLON, SPACE } from './characters.ts';
import { logicalLineEnd } from './logical-line.ts';
import { excerpt, type FxSource, formatError, limitError, TRUNCATED } from './source.ts';

/** A `forward` function: where its parameters and its body stand. */
export interface FunctionText {
  /** Offset and line (from 0) of `def`. */
  readonly at: number;
  readonly line: number;
  /** Offset of the `(` of the parameters. */
  readonly open: number;
  readonly indent: number;
  /** First line of the body. */
  readonly body: { readonly at: number; readonly line: number };
  /** Offset behind the body. */
  end: number;
}

/** A printed class with the classes nested in it: a module and its sub-modules. */
export interface ModuleText {
  readonly name: string;
  readonly at: number;
  readonly indent: number;
  readonly children: Map<string, ModuleText>;
  forward: FunctionText | undefined;
  /** Heading of a log record, when one stands above the class. */
  readonly banner?: string;
}

/** A class line with a path before it is shorter than this. */
const MAX_HEADING = 4096;
const CLASS = /(?:^|\s)class (\S[^(]*)\([\w.]*Module\w*\):\s*$/;

/** Length of the indentation at `at`; tabs do not occur in FX text. */
function indentation(text: string, at: number): number {
  let end = at;
  while (text.charCodeAt(end) === SPACE) end += 1;
  return end - at;
}

/** Finds the classes and `forward` functions of a text by indentation; statements are not looked at. */
export function scanStructure(source: FxSource, limits: ImportLimits): ModuleText[] {
  const { text } = source;
  const roots: ModuleText[] = [];
  const stack: ModuleText[] = [];
  let open: { fn: FunctionText; returns: number } | undefined;
  let banner: string | undefined;
  let line = 0;

  const close = (end: number): void => {
    if (!open) return;
    const { fn, returns } = open;
    fn.end = end;
    if (returns < 0) {
      formatError(
        source,
        Math.max(fn.at, end - 1),
        'the body of "forward" ends without "return".',
        TRUNCATED,
      );
    }
    logicalLineEnd(source, returns, end);
    open = undefined;
  };

  for (let at = 0; at < text.length; ) {
    let next = text.indexOf('\n', at);
    if (next < 0) next = text.length;
    if (next - at > limits.maxLineLength) {
      limitError(
        source,
        at,
        `a line has ${next - at} characters; the limit is ${limits.maxLineLength}.`,
        'maxLineLength',
      );
    }
    const indent = indentation(text, at);
    const first = at + indent;
    const code = text.charCodeAt(first);
    if (first < next && code !== 0x0d) {
      if (open && indent <= open.fn.indent) close(at);
      if (open) {
        if (code === 0x72 && /^return(?!\w)/.test(text.slice(first, first + 7)))
          open.returns = first;
        else if (code === 0x70 && text.slice(first, next).trimEnd() === 'pass')
          open.returns = first;
      } else if (code === 0x64 && text.startsWith('def forward(', first)) {
        const header = functionHeader(source, first, indent, line);
        const owner = ownerOf(stack, indent);
        if (owner) owner.forward ??= header.fn;
        else
          roots.push({
            name: 'forward',
            at: first,
            indent,
            children: new Map(),
            forward: header.fn,
            ...(banner ? { banner } : {}),
          });
        open = { fn: header.fn, returns: -1 };
        line = header.fn.body.line;
        at = header.fn.body.at;
        continue;
      } else if (
        next - at <= MAX_HEADING &&
        text.charCodeAt(lastCharacter(text, at, next)) === COLON
      ) {
        const match = CLASS.exec(text.slice(at, next));
        if (match) {
          while (stack.length > 0 && stack.at(-1)!.indent >= indent) stack.pop();
          const parent = stack.at(-1);
          const module: ModuleText = {
            name: match[1]!.trim(),
            at: first,
            indent,
            children: new Map(),
            forward: undefined,
            ...(!parent && banner ? { banner } : {}),
          };
          if (stack.length >= limits.maxDepth) {
            limitError(
              source,
              first,
              `classes are nested deeper than ${limits.maxDepth} levels.`,
              'maxDepth',
            );
          }
          if (!parent) roots.push(module);
          else if (parent.children.has(module.name)) {
            formatError(
              source,
              first,
              `the sub-module ${quote(module.name)} is printed twice in one class.`,
              TRUNCATED,
            );
          } else parent.children.set(module.name, module);
          stack.push(module);
          banner = undefined;
        }
      } else if (next === text.length && stack.length > 0 && indent > 0 && code !== 0x23) {
        formatError(
          source,
          first,
          `the text ends in the middle of a class, with ${JSON.stringify(excerpt(text, first, 40))}.`,
          TRUNCATED,
        );
      } else if (stack.length === 0 || indent === 0) {
        const heading = text.slice(first, Math.min(next, first + 200));
        if (/^(?:=+ |TRACED GRAPH|# )/.test(heading) && !/^# (?:Copyright|File)/.test(heading))
          banner = heading.trim();
      }
    }
    at = next + 1;
    line += 1;
  }
  close(text.length);
  return roots.filter((root) => forwardOf(root) !== undefined);
}

/** The module whose code a class stands for: itself, or the only class in a wrapper without code of its own. */
export function forwardOf(module: ModuleText): ModuleText | undefined {
  let current: ModuleText | undefined = module;
  while (current && !current.forward) {
    if (current.children.size !== 1) return undefined;
    [current] = current.children.values();
  }
  return current;
}

function ownerOf(stack: ModuleText[], indent: number): ModuleText | undefined {
  while (stack.length > 0 && stack.at(-1)!.indent >= indent) stack.pop();
  return stack.at(-1);
}

function lastCharacter(text: string, start: number, end: number): number {
  let at = end - 1;
  while (at > start && text.charCodeAt(at) <= SPACE) at -= 1;
  return at;
}

/** The header may span lines (one parameter a line); the body begins on the line after its colon. */
function functionHeader(
  source: FxSource,
  at: number,
  indent: number,
  line: number,
): { fn: FunctionText } {
  const { text } = source;
  const end = logicalLineEnd(source, at, text.length);
  const last = lastCharacter(text, at, end);
  const header = text.slice(at, end);
  if (text.charCodeAt(last) !== COLON && !/:\s*(?:#.*)?$/.test(header)) {
    formatError(source, last, `expected ":" at the end of ${excerpt(text, at, 40)}`, TRUNCATED);
  }
  let lines = 1;
  for (let i = text.indexOf('\n', at); i >= 0 && i < end; i = text.indexOf('\n', i + 1)) lines += 1;
  const open = text.indexOf('(', at);
  return {
    fn: {
      at,
      line,
      open,
      indent,
      body: { at: Math.min(end + 1, text.length), line: line + lines },
      end: text.length,
    },
  };
}
