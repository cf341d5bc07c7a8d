import { printDim } from '../dim/print.ts';
import type { Arg } from '../ir/arg.ts';
import type { Graph } from '../ir/graph.ts';
import type { ValueType } from '../ir/type.ts';

/** Control characters, which a terminal would obey, as escapes. */
export function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A type as FX annotates it: `bf16[s72, 4096]`, `Sym(s72)`; empty when there is none. */
export function formatType(type: ValueType | null): string {
  switch (type?.kind) {
    case undefined:
      return '';
    case 'tensor':
      return `${type.dtype}[${type.shape.map(printDim).join(', ')}]`;
    case 'sym':
      return `Sym(${printDim(type.expr)})`;
    case 'list':
      return 'tuple';
    case 'opaque':
      return type.text;
  }
}

function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan';
  if (Object.is(value, -0)) return '-0.0';
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}

/** An argument as Python writes it; values by name. */
export function formatArg(graph: Graph, arg: Arg): string {
  const all = (items: readonly Arg[]): string =>
    items.map((item) => formatArg(graph, item)).join(', ');
  switch (arg.kind) {
    case 'value':
      return graph.value(arg.id).name;
    case 'int':
      return String(arg.value);
    case 'float':
      return formatFloat(arg.value);
    case 'bool':
      return arg.value ? 'True' : 'False';
    case 'string':
      return JSON.stringify(arg.value);
    case 'none':
      return 'None';
    case 'ellipsis':
      return '...';
    case 'dtype':
    case 'device':
      return arg.value;
    case 'enum':
      return `${arg.type}.${arg.value}`;
    case 'list':
      return `[${all(arg.items)}]`;
    case 'tuple':
      return `(${all(arg.items)}${arg.items.length === 1 ? ',' : ''})`;
    case 'dict':
      return `{${arg.entries.map(([key, value]) => `${formatArg(graph, key)}: ${formatArg(graph, value)}`).join(', ')}}`;
    case 'slice':
      return `slice(${all([arg.start, arg.stop, arg.step])})`;
    case 'op':
    case 'graph':
      return arg.name;
    case 'dim':
      return printDim(arg.dim);
    case 'complex':
      return `complex(${formatFloat(arg.re)}, ${formatFloat(arg.im)})`;
    case 'raw':
      return arg.text;
  }
}
