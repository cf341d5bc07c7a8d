import type { PlanSlice } from '@arfuse/contract';
import { convexClosure, type Graph, type ValueId } from '@arfuse/graph';
import {
  type Evaluation,
  evaluateGraph,
  idealSite,
  type RefTensor,
  type SimulatedRanks,
  type SiteInputs,
} from '@arfuse/reference';
import type { PairedSite } from '../rewrite/pair-sites.ts';
import { valuesOf } from './args.ts';
import { type BoundSlice, bindRows } from './bind-rows.ts';
import { makeInputs } from './inputs.ts';
import { mapRanks } from './map-ranks.ts';
import { standIn } from './quantiser-stand-in.ts';
import type { Tensors } from './worst-difference.ts';

/**
 * One site, or two consecutive ones, in the captured graph: seeded inputs, and the results of the raw nodes as real
 * values. It does not depend on how the graph is rewritten.
 */
export class CapturedWindow {
  readonly graph: Graph;
  readonly sites: readonly PairedSite[];
  readonly ranks: SimulatedRanks;
  readonly rows: number;
  readonly seed: number;
  /** Raw nodes that the rewritten sites replace. */
  readonly covered: ReadonlySet<number>;
  /** Raw nodes that stay and stand between two covered ones: a view may have other readers. */
  readonly between: ReadonlySet<number>;
  /** Values that enter the window. */
  readonly inputs: ReadonlyMap<ValueId, Tensors>;
  /** Results of the sites that something reads; a quantiser's have stand-ins. */
  readonly results: ReadonlyMap<ValueId, Tensors>;

  constructor(
    graph: Graph,
    sites: readonly PairedSite[],
    ranks: SimulatedRanks,
    rows: number,
    seed: number,
  ) {
    this.graph = graph;
    this.sites = sites;
    this.ranks = ranks;
    this.rows = rows;
    this.seed = seed;
    this.covered = new Set(sites.flatMap(({ match }) => match.covered));
    const evaluated = new Set(
      sites.flatMap(({ match }) => [...convexClosure(graph, match.covered)]),
    );
    this.between = new Set([...evaluated].filter((node) => !this.covered.has(node)));
    const bound = bindRows(graph, sites[0]!.site, rows);
    this.inputs = this.#inputs(bound, evaluated);
    const evaluation = evaluateGraph(bound.graph, {
      inputs: this.inputs,
      ranks,
      symbols: bound.symbols,
      mode: 'real',
      nodes: bound.graph.nodes.filter((node) => evaluated.has(node.id)),
    });
    this.results = new Map(sites.flatMap((site) => this.#results(site, evaluation)));
  }

  #inputs(bound: BoundSlice, evaluated: ReadonlySet<number>): Map<ValueId, Tensors> {
    const nodes = this.graph.nodes.filter((node) => evaluated.has(node.id));
    const defined = new Set(nodes.flatMap((node) => node.outputs));
    const entering = new Set(
      nodes.flatMap((node) => valuesOf(node.args, node.kwargs)).filter((id) => !defined.has(id)),
    );
    const fresh = new Map<ValueId, Tensors>();
    for (const [i, paired] of this.sites.entries()) {
      const slice = this.#slice(paired);
      const made = makeInputs(paired.class, slice, bound, this.ranks, this.seed + i, entering);
      for (const [value, tensors] of made.raw)
        if (!fresh.has(value) && !defined.has(value)) fresh.set(value, tensors);
    }
    return fresh;
  }

  /** Which values of the graph play which part in a site. */
  #slice({ site, match }: PairedSite): PlanSlice {
    const { partials, ...roles } = match.inputs;
    const name = (value: ValueId): string => this.graph.value(value).name;
    return {
      graph: null,
      site: site.id,
      inputs: {
        partials: partials.map(name),
        ...Object.fromEntries(
          Object.entries(roles).flatMap(([role, value]) =>
            value === undefined ? [] : [[role, name(value)]],
          ),
        ),
      },
      outputs: {},
    };
  }

  #results(paired: PairedSite, evaluation: Evaluation): [ValueId, Tensors][] {
    const { outputs } = paired.match;
    const ideal = outputs.some(({ output }) => output === 'quant' || output === 'scale')
      ? idealSite(paired.class, this.#siteInputs(paired, evaluation), this.ranks)
      : [];
    return outputs.map(({ output, value }) => [
      value,
      output === 'quant' || output === 'scale'
        ? mapRanks(ideal, (results) => standIn(output, results)!)
        : evaluation.tensors(value),
    ]);
  }

  #siteInputs({ match }: PairedSite, evaluation: Evaluation): SiteInputs {
    const { partials, ...roles } = match.inputs;
    const given = partials.map((id) => evaluation.tensors(id));
    const shared: { [role: string]: RefTensor } = {};
    for (const [role, value] of Object.entries(roles))
      if (value !== undefined) shared[role] = evaluation.tensors(value)[0]!;
    return {
      partials: Array.from({ length: this.ranks.count }, (_, rank) =>
        given.map((tensors) => tensors[rank]!),
      ),
      ...shared,
    };
  }
}
