import type { Graph, GraphMeta } from '@arfuse/graph';
import { statedGroupSizes } from './group-sizes.ts';
import type { ImportedProgram, ImportOptions, ImportResult } from './importer.ts';
import type { StreamOptions } from './input/byte-source.ts';

/** Cuts the folders that the user's path names from a text, so that no user name stays. */
function shortener(source: string): (text: string) => string {
  const folder = source.replace(/[/\\]+$/, '').replace(/[^/\\]*$/, '');
  return folder === '' ? (text) => text : (text) => text.replaceAll(folder, '');
}

/** The graph without stacks and without the folders of its source. */
export function redactGraph(graph: Graph, shorten: (text: string) => string): Graph {
  const meta: GraphMeta = {
    ...graph.meta,
    ...(graph.meta.source === undefined ? {} : { source: shorten(graph.meta.source) }),
    ...(graph.meta.warnings === undefined ? {} : { warnings: graph.meta.warnings.map(shorten) }),
  };
  return graph.with({
    meta,
    nodes: graph.nodes.map((node) => {
      if (node.provenance.stack === undefined) return node;
      const { stack: _, ...provenance } = node.provenance;
      return { ...node, provenance };
    }),
    subgraphs: new Map(
      [...graph.subgraphs].map(([name, subgraph]) => [name, redactGraph(subgraph, shorten)]),
    ),
  });
}

/** What is done to every import, whatever the format: group sizes, and redaction. */
export function finish(
  result: ImportResult,
  stream: StreamOptions,
  options: ImportOptions,
): ImportResult {
  const shorten = options.redact ? shortener(stream.source) : undefined;
  const program = (one: ImportedProgram): ImportedProgram => {
    const groupSizes = statedGroupSizes(one.graph);
    const sized =
      Object.keys(groupSizes).length === 0
        ? one.graph
        : one.graph.with({ meta: { ...one.graph.meta, groupSizes } });
    if (!shorten) return { ...one, graph: sized };
    return { ...one, source: shorten(one.source), graph: redactGraph(sized, shorten) };
  };
  return {
    ...result,
    programs: result.programs.map(program),
    otherRanks: result.otherRanks.map(program),
    ...(shorten
      ? {
          skipped: result.skipped.map(({ what, reason }) => ({
            what: shorten(what),
            reason: shorten(reason),
          })),
          warnings: result.warnings.map(shorten),
        }
      : {}),
  };
}
