import type { PlanSlice, SiteOutput } from '@arfuse/contract';
import { convexClosure, type Graph, graphToJson, sliceGraph, type ValueId } from '@arfuse/graph';
import type { SiteMatch } from '@arfuse/patterns';

/**
 * The raw nodes of a site as a graph of its own. File names, stack traces and labels of the capture stay behind.
 */
export function sliceOf(graph: Graph, match: SiteMatch, site: string): PlanSlice {
  const escaping = new Map<SiteOutput, ValueId>();
  for (const { output, value } of match.outputs)
    if (!escaping.has(output)) escaping.set(output, value);
  const { graph: cut } = sliceGraph(graph, convexClosure(graph, match.covered), [
    ...escaping.values(),
  ]);
  const bare = cut.with({
    meta: { format: graph.meta.format, level: graph.meta.level },
    nodes: cut.nodes.map((node) => ({ ...node, provenance: {} })),
  });
  const name = (value: ValueId): string => graph.value(value).name;
  const { partials, ...roles } = match.inputs;
  const inputs: Record<string, string> = {};
  for (const [role, value] of Object.entries(roles))
    if (value !== undefined) inputs[role] = name(value);
  const outputs: Partial<Record<SiteOutput, string>> = {};
  for (const [output, value] of escaping) outputs[output] = name(value);
  return {
    graph: graphToJson(bare),
    site,
    inputs: { partials: partials.map(name), ...inputs },
    outputs,
  };
}
