import type {
  CellSite,
  EngineSegment,
  Evidence,
  PlanEngine,
  PlanSite,
  SiteClass,
  Target,
} from '@arfuse/contract';
import type { Engine, EngineScope } from '@arfuse/engines';
import type { Graph } from '@arfuse/graph';
import { chainKey, type EngineCell } from './engine-cells.ts';

/** What a plan knows of a class inside an engine. */
export interface EngineClass {
  readonly site: CellSite;
  readonly scope: EngineScope;
  readonly cells: readonly EngineCell[];
  /** Evidence for the kernels of a cell's chain of today. */
  evidence(cell: EngineCell): Evidence | undefined;
}

/** Neighbouring cells with the same chain by the same rule, as segments. */
function segmentsOf({ cells, evidence }: EngineClass): EngineSegment[] {
  const found: EngineSegment[] = [];
  cells.forEach((cell) => {
    const previous = found.at(-1);
    const same =
      previous !== undefined &&
      previous.mode === cell.mode &&
      chainKey(previous) === chainKey(cell.today);
    const { evidence: _, ...start } = same
      ? previous
      : { ...cell.today, tokens: cell.tokens, evidence: undefined };
    const known = evidence(cell);
    const segment: EngineSegment = {
      ...cell.today,
      tokens: [start.tokens[0], cell.tokens[1]],
      mode: cell.mode,
      ...(known === undefined ? {} : { evidence: known }),
    };
    if (same) found[found.length - 1] = segment;
    else found.push(segment);
  });
  return found;
}

/** What the named engine does with a graph: its matcher site by site, its dispatch class by class. */
export function planEngine(
  engine: Engine,
  target: Target,
  graph: Graph,
  groups: readonly string[],
  sites: readonly PlanSite[],
  classes: readonly EngineClass[],
): PlanEngine {
  const byId = new Map(classes.map((entry) => [entry.site.id, entry]));
  const matches = new Map(
    classes.flatMap(({ site, scope }) =>
      site.pattern === 'all_reduce'
        ? []
        : [[site.id, engine.match({ ...scope, site: site as SiteClass })] as const],
    ),
  );
  return {
    id: engine.id,
    release: engine.release,
    settings: engine.settings,
    assumptions: engine.assumptions(target),
    warnings: engine.warnings({ ops: new Set(graph.nodes.map(({ op }) => op)), groups }),
    sites: sites.map(({ id, class: of }) => ({ site: id, ...matches.get(of)! })),
    today: [...byId].map(([id, entry]) => ({ class: id, segments: segmentsOf(entry) })),
  };
}
