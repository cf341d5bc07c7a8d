import type { Graph } from '@arfuse/graph';
import { readModule } from './body-reader.ts';
import { type FxContext, FxProgram } from './program.ts';
import { type FxSource, placeAt } from './source.ts';
import { scanStructure } from './structure.ts';

/** A graph of a text. */
export interface FxGraph {
  readonly name: string;
  readonly graph: Graph;
  readonly warnings: readonly string[];
}

const IMPORT = /^(?:from [\w.]+ )?import ([^\n#]+)$/gm;
const GLOBAL = /^([A-Za-z_]\w*)(?:: \w+| = \S[^\n]*)$/gm;

/** Names that the lines above the first graph import or assign. */
export function globalNames(text: string): Set<string> {
  const end = text.search(/^[ \t]*(?:class [^\n]{0,500}?Module\w{0,50}\):|def forward\()/m);
  const preamble = end < 0 ? '' : text.slice(0, end);
  const names = new Set<string>();
  for (const [, list] of preamble.matchAll(IMPORT)) {
    for (const item of list!.split(','))
      names.add(
        item
          .trim()
          .split(/\s+as\s+|\./)
          .at(-1)!,
      );
  }
  for (const [, name] of preamble.matchAll(GLOBAL)) names.add(name!);
  return names;
}

/** Name of a program: its class, or the heading above it when the class says nothing. */
function programName(name: string, banner: string | undefined): string {
  const plain = name === '<lambda>' || name === 'GraphModule' || name === 'forward';
  const heading = banner && /(?:=+|^TRACED GRAPH)\s*([\w.:/ -]*?)\s*=*$/.exec(banner)?.[1]?.trim();
  return plain && heading ? heading : name;
}

const GRAPH_LINE =
  /^[ \t]*%[\w.]+ : [^\n]*?= ?(?:placeholder|call_function|call_method|call_module|get_attr)\[target=/m;

/** Line of the first node of `print(graph)` text, which a log may hold beside the code of a graph. */
function graphLine(source: FxSource): number | undefined {
  const at = source.text.includes('[target=') ? source.text.search(GRAPH_LINE) : -1;
  return at < 0 ? undefined : placeAt(source, at).line;
}

/** Reads `print_readable` text, or the `python_code` of a graph: one program for each outermost class. */
export function readReadable(context: FxContext, format: 'fx-readable' | 'fx-runnable'): FxGraph[] {
  const beside = graphLine(context.source);
  return scanStructure(context.source, context.limits).map((module, index) => {
    const name = programName(module.name, module.banner);
    const program = new FxProgram(context, { format, name }, module.banner);
    if (beside !== undefined && index === 0)
      program.warn(beside, 'print(graph) text stands beside the code; only the code is read.');
    const graph = readModule(program, module);
    return { name, graph, warnings: program.warnings };
  });
}
