import { dtypeFromTorch } from '@arfuse/contract';
import type { Arg, Dim, ValueType } from '@arfuse/graph';
import { quote } from '../quote.ts';
import { splitTopLevel } from './annotation.ts';
import { CLOSE, COMMA, HASH, PERCENT } from './characters.ts';
import { FlatGraph } from './flat-graph.ts';
import { type FxContext, FxProgram } from './program.ts';
import type { FxGraph } from './readable.ts';
import { excerpt, formatError, limitError, lineOf, TRUNCATED } from './source.ts';
import { UnquotedReader } from './unquoted.ts';

const TYPE = /\s*(\?|scalar|[^:,()\s][^:,()]*(?:\([^()]*\)[^:,()]*)*) : (N\/A|torch\.\w+|\w+)/y;
const TUPLE = / : \(([^\n]*)\) : \(([^\n]*)\)\s*$/;
const CALL = /^%([\w.]+) = (.*)$/;
const INPUT = /^%([\w.]+) : (.*)$/;

/** `8xs0x4096` → `['8', 's0', '4096']`; an `x` before `(` belongs to a function such as `Max`. */
function dimsOf(shape: string): string[] {
  if (shape === 'scalar') return [];
  const dims: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < shape.length; at += 1) {
    if (shape[at] === '(') depth += 1;
    else if (shape[at] === ')') depth -= 1;
    else if (shape[at] === 'x' && depth === 0 && shape[at + 1] !== '(') {
      dims.push(shape.slice(start, at).trim());
      start = at + 1;
    }
  }
  dims.push(shape.slice(start).trim());
  return dims;
}

class AutoDeployReader {
  readonly #program: FxProgram;
  readonly #flat: FlatGraph;
  readonly #reader: UnquotedReader;
  #outputs: Arg[] | undefined;
  #last = 0;

  constructor(context: FxContext, name: string) {
    this.#program = new FxProgram(context, { format: 'auto-deploy', name });
    this.#flat = new FlatGraph(this.#program);
    this.#reader = new UnquotedReader(
      context.source,
      { value: (value, at) => this.#value(value, at), word: (word) => this.#flat.value(word) },
      context.limits.maxDepth,
    );
  }

  /** Whether the "output" line is still to come. */
  get isOpen(): boolean {
    return this.#outputs === undefined;
  }

  line(at: number, end: number, number: number): void {
    const { source } = this.#program.context;
    const text = source.text.slice(at, end);
    this.#last = end;
    if (this.#outputs) formatError(source, at, 'a line follows "output".', TRUNCATED);
    const input = INPUT.exec(text);
    if (input) {
      this.#flat.input(input[1]!, this.#type(input[2]!.trim(), at), at);
      return;
    }
    if (/^output(?: |$)/.test(text)) {
      this.#reader.seek(at + 6, end);
      const items: Arg[] = [];
      for (this.#reader.spaces(); this.#reader.at < end; this.#reader.spaces()) {
        items.push(this.#reader.argument());
        this.#reader.spaces();
        if (source.text.charCodeAt(this.#reader.at) === COMMA) this.#reader.at += 1;
      }
      this.#outputs = items;
      return;
    }
    const call = CALL.exec(text);
    if (!call)
      formatError(
        source,
        at,
        `the line cannot be read: ${excerpt(source.text, at)}`,
        'Expected "%name = op(…) : shape : dtype".',
      );
    this.#call(call[1]!, at, end, number);
  }

  finish(): FxGraph['graph'] {
    if (!this.#outputs) {
      return formatError(
        this.#program.context.source,
        this.#last,
        'the graph ends without "output".',
        TRUNCATED,
      );
    }
    return this.#program.finish(this.#outputs);
  }

  #call(name: string, at: number, end: number, number: number): void {
    const { source } = this.#program.context;
    const { text } = source;
    const targetAt = text.indexOf('= ', at) + 2;
    // Targets such as `<built-in function add>` hold no parenthesis.
    const open = text.indexOf('(', targetAt);
    if (open < 0 || open >= end)
      formatError(source, at, `the call has no arguments: ${excerpt(text, at)}`, TRUNCATED);
    const op = opOfTarget(text.slice(targetAt, open));
    const reader = this.#reader;
    reader.seek(open + 1, end);
    const projected = op === 'operator.getitem' ? this.#projected(open + 1) : undefined;
    const args =
      projected?.kind === 'results'
        ? [{ kind: 'none' } as Arg, ...this.#items(end, true)]
        : this.#items(end, false);
    const tail = text.slice(reader.at, end);
    const tuple = TUPLE.exec(tail);
    const type = tuple
      ? this.#types(tuple[1]!, tuple[2]!, reader.at)
      : (this.#type(tail.replace(/^ : /, '').trim(), reader.at) ?? undefined);
    this.#flat.call(
      { name, op, args, kwargs: {}, type, users: undefined, at, line: number },
      projected,
      false,
    );
  }

  #projected(at: number): ReturnType<FlatGraph['lookup']> {
    const first = /%([\w.]+)/y;
    first.lastIndex = at;
    const name = first.exec(this.#program.context.source.text)?.[1];
    return name === undefined ? undefined : this.#flat.lookup(name);
  }

  /** Arguments up to `)`; a value carries its shape and dtype behind it. */
  #items(end: number, skipFirst: boolean): Arg[] {
    const { text } = this.#program.context.source;
    const reader = this.#reader;
    const items: Arg[] = [];
    for (let first = true; ; first = false) {
      reader.spaces();
      if (reader.at >= end) reader.fail('the line ends before ")".');
      if (text.charCodeAt(reader.at) === CLOSE) {
        reader.at += 1;
        return items;
      }
      if (text.charCodeAt(reader.at) === PERCENT) {
        const at = reader.at;
        const name = reader.name();
        const type = this.#trailingType(at);
        if (!(first && skipFirst)) items.push(this.#value(name, at, type));
      } else items.push(reader.argument());
      reader.spaces();
      if (text.charCodeAt(reader.at) === COMMA) reader.at += 1;
    }
  }

  #trailingType(at: number): ValueType | null {
    const reader = this.#reader;
    reader.expect(':');
    TYPE.lastIndex = reader.at;
    const match = TYPE.exec(this.#program.context.source.text);
    if (!match) return reader.fail('expected "shape : dtype" behind the value.');
    reader.at = TYPE.lastIndex;
    return this.#type(`${match[1]} : ${match[2]}`, at);
  }

  /** The dump leaves out get_attr nodes: a name that no line defines is a parameter of the module. */
  #value(name: string, at: number, type: ValueType | null = null): Arg {
    return this.#flat.value(name) ?? this.#flat.input(name, type, at);
  }

  #types(shapes: string, dtypes: string, at: number): (ValueType | null)[] {
    const dtypeList = splitTopLevel(dtypes);
    return splitTopLevel(shapes).map((shape, index) =>
      this.#type(`${shape} : ${dtypeList[index] ?? 'None'}`, at),
    );
  }

  #type(text: string, at: number): ValueType | null {
    const separator = text.lastIndexOf(' : ');
    if (separator < 0)
      formatError(
        this.#program.context.source,
        at,
        `expected "shape : dtype", found ${quote(text)}.`,
        TRUNCATED,
      );
    const shape = text.slice(0, separator).trim();
    const dtype = dtypeFromTorch(
      text
        .slice(separator + 3)
        .trim()
        .replace(/^torch\./, ''),
    );
    if (dtype === undefined || shape === '?') {
      return /^Sym(?:Int|Float|Bool)$/.test(text.slice(separator + 3))
        ? { kind: 'opaque', text: text.slice(separator + 3) }
        : null;
    }
    const dims: Dim[] = [];
    for (const part of dimsOf(shape)) {
      const dim = this.#program.annotations.dim(part);
      if (dim === undefined)
        return formatError(
          this.#program.context.source,
          at,
          `${quote(part)} is no dimension.`,
          TRUNCATED,
        );
      dims.push(dim);
    }
    return { kind: 'tensor', dtype, shape: dims };
  }
}

/** Op of an AutoDeploy target: `aten.add.Tensor` and `auto_deploy.x` as they are, built-in functions by their name. */
function opOfTarget(target: string): string {
  const builtin = /^<built-in function (\w+)>/.exec(target);
  if (builtin) return `operator.${builtin[1]}`;
  const python = /^<function (\w+)/.exec(target);
  if (python) return `torch.${python[1]}`;
  return target.includes('.') ? target.replace(/^torch\.ops\./, '') : `method.${target}`;
}

/** Reads a TensorRT-LLM AutoDeploy dump: one graph for each `# GraphModule:` heading. Keyword arguments are not in it. */
export function readAutoDeploy(context: FxContext): FxGraph[] {
  const { source, limits } = context;
  const { text } = source;
  const graphs: FxGraph[] = [];
  let reader: AutoDeployReader | undefined;
  let name = '(root)';
  let index = 0;
  const close = (): void => {
    if (reader) graphs.push({ name, graph: reader.finish(), warnings: [] });
    reader = undefined;
  };
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
    const code = text.charCodeAt(at);
    if (code === PERCENT || text.startsWith('output', at)) {
      reader ??= new AutoDeployReader(context, name);
      reader.line(at, text.charCodeAt(end - 1) === 0x0d ? end - 1 : end, lineOf(source, index));
    } else if (text.startsWith('# GraphModule: ', at)) {
      close();
      name = text.slice(at + 15, end).trim();
    } else if (reader?.isOpen && code !== HASH && text.slice(at, end).trim() !== '') {
      const found = quote(excerpt(text, at, 40));
      formatError(source, at, `expected "%name …" or "output", found ${found}.`, TRUNCATED);
    }
    at = end + 1;
  }
  close();
  return graphs;
}
