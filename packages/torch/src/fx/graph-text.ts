import type { Arg } from '@arfuse/graph';
import { quote } from '../quote.ts';
import { CLOSE, isIdentifierStart, PERCENT } from './characters.ts';
import { mayReturnNothing } from './effects.ts';
import { FlatGraph } from './flat-graph.ts';
import { opOfQualifiedName } from './op-name.ts';
import { type FxContext, FxProgram } from './program.ts';
import type { FxGraph } from './readable.ts';
import { excerpt, formatError, limitError, lineOf, TRUNCATED } from './source.ts';
import { restoreStrings, UnquotedReader } from './unquoted.ts';

interface Line {
  readonly at: number;
  readonly end: number;
  readonly number: number;
}

interface Listing {
  readonly lines: Line[];
  /** An Inductor "Graph fragment": a part of a graph, whose other values are inputs. */
  readonly fragment: boolean;
  returned: boolean;
}

const HEAD =
  /%([\w.]+) : (?:(?:Tensor )?"([^"]*)")?\s*(?:\[(?:num_users=|#users=)(\d+)\])? ?= (placeholder|PlaceHolder|call_function|call_method|call_module|get_attr|output)\[target=/y;

/** Cuts the text into graphs: from one `graph():` or "Graph fragment:" to its `return`. */
function listings(context: FxContext): Listing[] {
  const { source, limits } = context;
  const { text } = source;
  const found: Listing[] = [];
  let current: Listing | undefined;
  let index = 0;
  for (let at = 0; at < text.length; index += 1) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    if (end - at > limits.maxLineLength) {
      limitError(
        source,
        at,
        `a line has ${end - at} characters; the limit is ${limits.maxLineLength}.`,
        'maxLineLength',
      );
    }
    let start = at;
    while (start < end && (text.charCodeAt(start) <= 0x20 || text[start] === '#')) start += 1;
    const line = {
      at: start,
      end: text.charCodeAt(end - 1) === 0x0d ? end - 1 : end,
      number: lineOf(source, index),
    };
    if (text.startsWith('graph():', start) || text.startsWith('Graph fragment:', start)) {
      current = { lines: [], fragment: text.charCodeAt(start) === 0x47, returned: false };
      found.push(current);
    } else if (start < end && text.charCodeAt(start) === PERCENT) {
      if (!current || current.returned) {
        current = { lines: [], fragment: false, returned: false };
        found.push(current);
      }
      current.lines.push(line);
    } else if (
      current &&
      !current.returned &&
      /^return(?:\s|$)/.test(text.slice(start, Math.min(end, start + 8)))
    ) {
      current.lines.push(line);
      current.returned = true;
    } else if (
      current &&
      !current.returned &&
      start < end &&
      !/^\s*#/.test(text.slice(at, start))
    ) {
      formatError(
        source,
        start,
        `expected "%name : …" or "return", found ${JSON.stringify(excerpt(text, start, 40))}.`,
        TRUNCATED,
      );
    }
    at = end + 1;
  }
  return found;
}

/** Names whose results are only taken apart by `getitem` with a number. */
function indexedNames(text: string, listing: Listing): Set<string> {
  const indexed = new Set<string>();
  const whole = new Set<string>();
  const item = /\[target=_?operator\.getitem\]\(args = \(%([\w.]+), \d+\), kwargs = \{\}\)/;
  for (const { at, end } of listing.lines) {
    const line = text.slice(at, end);
    const match = item.exec(line);
    if (match) indexed.add(match[1]!);
    else
      for (const [, name] of line.slice(line.indexOf('](args')).matchAll(/%([\w.]+)/g))
        whole.add(name!);
  }
  for (const name of whole) indexed.delete(name);
  return indexed;
}

class GraphTextReader {
  readonly #program: FxProgram;
  readonly #flat: FlatGraph;
  readonly #reader: UnquotedReader;
  readonly #listing: Listing;
  readonly #indexed: Set<string>;
  #lineNumber = 0;

  constructor(context: FxContext, listing: Listing, name: string) {
    this.#program = new FxProgram(
      context,
      { format: 'fx-graph', name },
      listing.fragment ? 'Graph fragment' : undefined,
    );
    this.#flat = new FlatGraph(this.#program);
    this.#listing = listing;
    this.#indexed = indexedNames(context.source.text, listing);
    this.#reader = new UnquotedReader(
      context.source,
      { value: (value, at) => this.#value(value, at), word: (word) => this.#symbol(word) },
      context.limits.maxDepth,
    );
  }

  read(name: string): FxGraph {
    let outputs: Arg[] | undefined;
    const { text } = this.#program.context.source;
    for (const line of this.#listing.lines) {
      if (text.charCodeAt(line.at) === PERCENT) this.#line(line);
      else outputs = this.#outputs(line);
    }
    if (!outputs) {
      const last = this.#listing.lines.at(-1);
      return formatError(
        this.#program.context.source,
        last?.end ?? 0,
        'the graph ends without "return".',
        TRUNCATED,
      );
    }
    const graph = this.#program.finish(outputs);
    return { name, graph, warnings: this.#program.warnings };
  }

  #symbol(word: string): Arg | undefined {
    if (!/^[-+*/()%\s\w,]*\b(?:s|u|zuf|zf)\d+\b[-+*/()%\s\w,]*$/.test(word)) return undefined;
    const dim = this.#program.annotations.dim(word);
    return dim === undefined ? undefined : { kind: 'dim', dim };
  }

  #value(name: string, at: number): Arg {
    const value = this.#flat.value(name);
    if (value) return value;
    if (this.#listing.fragment) {
      this.#program.warn(
        this.#lineNumber,
        `${quote(name)} is defined outside of the fragment, so it is an input.`,
      );
      return this.#flat.input(name, null, at);
    }
    return formatError(
      this.#program.context.source,
      at,
      `the value ${quote(`%${name}`)} is used before anything defines it.`,
      'Nodes stand in program order: the file is damaged, or lines are missing.',
    );
  }

  #line({ at, end, number }: Line): void {
    this.#lineNumber = number;
    const { source } = this.#program.context;
    const { text } = source;
    const reader = this.#reader;
    HEAD.lastIndex = at;
    const head = HEAD.exec(text);
    const targetAt = HEAD.lastIndex;
    const bracket = head ? targetEnd(text, targetAt, end) : -1;
    if (!head || bracket < 0) {
      formatError(
        source,
        at,
        `the node cannot be read: ${excerpt(text, at)}`,
        'Expected "%name : [num_users=N] = call_function[target=…](args = (…), kwargs = {…})".',
      );
    }
    const [, name, annotation, users, kind] = head as unknown as [
      string,
      string,
      string?,
      string?,
      string?,
    ];
    const target = text.slice(targetAt, bracket);
    const type = annotation === undefined ? undefined : this.#program.annotations.read(annotation);
    if (kind === 'placeholder' || kind === 'PlaceHolder') {
      this.#flat.input(name, type ?? null, at);
      return;
    }
    if (kind === 'get_attr') {
      this.#flat.bind(
        name,
        this.#flat.input(this.#program.unique(target.replaceAll('.', '_')), type ?? null, at),
      );
      return;
    }
    reader.seek(bracket + 1, end);
    reader.expect('(args = (');
    const first = /%([\w.]+)/y;
    first.lastIndex = reader.at;
    const firstName = first.exec(text)?.[1];
    const projected = firstName === undefined ? undefined : this.#flat.lookup(firstName);
    const op = operationOf(kind!, target);
    const project = op === 'operator.getitem' && projected?.kind === 'results';
    if (project) {
      reader.name();
      reader.expect(',');
    }
    const args = reader.items(CLOSE);
    if (project) args.unshift({ kind: 'none' });
    reader.expect(', kwargs =');
    reader.spaces();
    const kwargs: Record<string, Arg> = Object.fromEntries(reader.entries());
    reader.expect(')');
    restoreStrings(op, args, kwargs);
    const unused = users === '0' && mayReturnNothing(op) ? 0 : undefined;
    this.#flat.call(
      { name, op, args, kwargs, type, users: unused, at, line: number },
      projected,
      this.#indexed.has(name),
    );
  }

  /** `return (a, b)`, `return x`, `return %a,%b`: names carry a `%` or not. */
  #outputs({ at, end, number }: Line): Arg[] {
    this.#lineNumber = number;
    const { source } = this.#program.context;
    let body = source.text.slice(at + 6, end).trim();
    const offset = source.text.indexOf(body, at + 6);
    const tuple = /^[([]/.test(body);
    if (tuple) {
      if (!/[)\]]$/.test(body)) formatError(source, at, 'the "return" does not end.', TRUNCATED);
      body = body.slice(1, -1);
    }
    const outputs: Arg[] = [];
    for (const part of body.split(',').map((item) => item.trim())) {
      if (part === '') continue;
      const name = part.replace(/^[%[(]+|[\])]+$/g, '');
      if (name === 'None') outputs.push({ kind: 'none' });
      else if (isIdentifierStart(name.charCodeAt(0))) outputs.push(this.#value(name, offset));
      else {
        this.#reader.seek(source.text.indexOf(part, offset), end);
        outputs.push(this.#reader.argument());
      }
    }
    return outputs;
  }
}

/** Offset of the `]` that ends a target; targets may hold brackets. */
function targetEnd(text: string, from: number, limit: number): number {
  let depth = 0;
  for (let at = from; at < limit; at += 1) {
    const code = text[at];
    if (code === '[') depth += 1;
    else if (code === ']') {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  return -1;
}

function operationOf(kind: string, target: string): string {
  if (kind === 'call_method') return `method.${target}`;
  if (kind === 'call_module') return `call_module.${target}`;
  return opOfQualifiedName(target);
}

/** Reads `print(graph)` text, and Inductor's "Graph fragment" comments, which have the same lines. */
export function readGraphText(context: FxContext): FxGraph[] {
  return listings(context).map((listing, index, all) => {
    const name = all.length === 1 ? 'graph' : `graph_${index}`;
    return new GraphTextReader(context, listing, name).read(name);
  });
}
