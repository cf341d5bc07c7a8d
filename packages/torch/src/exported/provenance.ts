import type { Provenance } from '@arfuse/graph';
import type { JsonObject } from '../json/parse-json.ts';

/** Path of the innermost module in an `nn_module_stack`: entries `key,path,type` joined by `;`. */
export function modulePath(stack: string): string | undefined {
  const innermost = stack.slice(stack.lastIndexOf(';') + 1);
  const fields: string[] = [];
  let depth = 0;
  let start = 0;
  // Keys and types may hold commas inside brackets: `L['self']._modules['a,b']`.
  for (let at = 0; at < innermost.length; at += 1) {
    const char = innermost[at];
    if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth -= 1;
    else if (char === ',' && depth === 0) {
      fields.push(innermost.slice(start, at));
      start = at + 1;
    }
  }
  const path = fields[1];
  return path === undefined || path === '' || path.startsWith('_empty_nn_module_stack')
    ? undefined
    : path;
}

/** The innermost frame of a Python stack trace, in the form of FX's comments: `File: a.py:3 in f, code: x = y`. */
export function innermostFrame(trace: string): string | undefined {
  const at = trace.lastIndexOf('File "');
  if (at < 0) return undefined;
  const match = /^File "([^"]*)", line (\d+), in ([^\n]*)(?:\n\s*([^\n]*))?/.exec(trace.slice(at));
  if (!match) return undefined;
  const [, file, line, where, code] = match;
  return `File: ${file}:${line} in ${where!.trim()}${code ? `, code: ${code.trim()}` : ''}`;
}

/** Provenance of a node from its `metadata`. Unknown and malformed entries are left out: they never change meaning. */
export function nodeProvenance(
  metadata: JsonObject | undefined,
  pointer: string,
  options: { readonly redact: boolean },
): Provenance {
  const text = (key: string): string | undefined => {
    const value = metadata?.[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const modules = text('nn_module_stack');
  const module = modules === undefined ? undefined : modulePath(modules);
  const trace = options.redact ? undefined : text('stack_trace');
  const stack = trace === undefined ? undefined : innermostFrame(trace);
  return { pointer, ...(module ? { module } : {}), ...(stack ? { stack } : {}) };
}
