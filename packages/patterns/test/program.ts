import { type DType, isDType } from '@arfuse/contract';
import {
  type Arg,
  type Dim,
  type Graph,
  GraphBuilder,
  mul,
  sym,
  type ValueId,
  type ValueType,
} from '@arfuse/graph';

/**
 * A tiny language for test graphs, one statement a line:
 *
 *     in x: bf16[T,64]
 *     a: bf16[T,64] = vllm.all_reduce.default(x, 'tp:0')
 *     y, s: bf16[T,64], bf16[T,64] = vllm_ir.fused_add_rms_norm.default(a, r, w, 1e-05)
 *     _C.rms_norm(out, a, w, 1e-05)                       # returns nothing
 *     _, q: none, f8e4m3fn[T,64] = af _C.static_scaled_fp8_quant.default(result=b, input=y, scale=g)
 *     -> y, s
 *
 * `af` and `af2` stand for the two functionalising wrappers; `_` leaves a result out.
 */
export function program(text: string): Graph {
  const builder = new GraphBuilder({ format: 'test', level: 'aten' });
  const names = new Map<string, ValueId>();
  let calls = 0;
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*$/, '').trim();
    if (line === '') continue;
    if (line.startsWith('in ')) {
      const [name, type] = splitOnce(line.slice(3), ':');
      names.set(name, builder.input(name, parseType(type)));
    } else if (line.startsWith('->')) {
      builder.output(
        split(line.slice(2))
          .filter((part) => part !== '')
          .map((part) => argument(part, names)),
      );
    } else {
      calls += 1;
      statement(line, builder, names, `call_${calls}`);
    }
  }
  return builder.finish();
}

function statement(
  line: string,
  builder: GraphBuilder,
  names: Map<string, ValueId>,
  fallback: string,
): void {
  const match =
    /^(?:(?<left>[\w, ]+?)(?::\s*(?<types>.+?))?\s+=\s+)?(?:(?<wrapper>af2?) )?(?<op>[\w.]+)\((?<args>.*)\)$/.exec(
      line,
    );
  if (!match?.groups) throw new Error(`the test statement "${line}" cannot be read.`);
  const { left, types, wrapper, op, args } = match.groups;
  const results = left === undefined ? [] : split(left);
  const resultTypes = types === undefined ? [] : split(types).map(parseType);
  const positional: Arg[] = [];
  const kwargs: Record<string, Arg> = {};
  for (const part of split(args ?? '')) {
    const named = /^(\w+)=(.*)$/.exec(part);
    if (named) kwargs[named[1]!] = argument(named[2]!.trim(), names);
    else if (part !== '') positional.push(argument(part, names));
  }
  const single = results.length === 1 && !wrapper;
  const node = builder.node({
    name: single ? results[0]! : fallback,
    op: op!,
    args: positional,
    kwargs,
    ...(wrapper
      ? { wrapper: wrapper === 'af' ? 'auto_functionalized' : 'auto_functionalized_v2' }
      : {}),
    results:
      results.length === 0
        ? { kind: 'none' }
        : single
          ? { kind: 'one', type: resultTypes[0] ?? null }
          : { kind: 'many' },
  });
  if (single) names.set(results[0]!, builder.result(node));
  else
    results.forEach((name, index) => {
      if (name !== '_')
        names.set(name, builder.item(node, index, name, resultTypes[index] ?? null));
    });
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
}

/** Splits at commas outside brackets. */
function split(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (const char of text) {
    if (char === '[' || char === '(') depth += 1;
    if (char === ']' || char === ')') depth -= 1;
    if (char === ',' && depth === 0) {
      parts.push(part.trim());
      part = '';
    } else part += char;
  }
  parts.push(part.trim());
  return parts;
}

function parseType(text: string): ValueType | null {
  const match = /^(\w+)\[(.*?)\](?:\[(.*?)\])?$/.exec(text.trim());
  if (!match || !isDType(match[1]!)) return null;
  const dims = (list: string): Dim[] => (list.trim() === '' ? [] : list.split(',').map(dim));
  return {
    kind: 'tensor',
    dtype: match[1] as DType,
    shape: dims(match[2]!),
    ...(match[3] === undefined ? {} : { strides: dims(match[3]) }),
  };
}

function dim(text: string): Dim {
  const factors = text
    .trim()
    .split('*')
    .map((part): Dim => (/^\d+$/.test(part) ? Number(part) : sym(part)));
  return mul(...factors);
}

function argument(text: string, names: ReadonlyMap<string, ValueId>): Arg {
  const id = names.get(text);
  if (id !== undefined) return { kind: 'value', id };
  if (/^'.*'$/.test(text)) return { kind: 'string', value: text.slice(1, -1) };
  if (text === 'None') return { kind: 'none' };
  if (text === 'True' || text === 'False') return { kind: 'bool', value: text === 'True' };
  if (/^-?\d+$/.test(text)) return { kind: 'int', value: Number(text) };
  if (/^-?\d*\.?\d+(e[+-]?\d+)?$/i.test(text) || /^-?\d+\.$/.test(text))
    return { kind: 'float', value: Number(text) };
  if (text.startsWith('['))
    return {
      kind: 'list',
      items: split(text.slice(1, -1))
        .filter((item) => item !== '')
        .map((item) => argument(item, names)),
    };
  if (isDType(text)) return { kind: 'dtype', value: text };
  throw new Error(`the test argument "${text}" is not defined.`);
}
