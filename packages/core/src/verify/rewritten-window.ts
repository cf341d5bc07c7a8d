import {
  type LaunchMode,
  type Plan,
  PlanError,
  type PlanSegment,
  placeSteps,
  type SiteOutput,
  type Stage,
} from '@arfuse/contract';
import type { Graph, Node, ValueId } from '@arfuse/graph';
import {
  activationRows,
  evaluateGraph,
  idealSite,
  Random,
  type RefTensor,
  reshaped,
} from '@arfuse/reference';
import type { PairedSite } from '../rewrite/pair-sites.ts';
import { SITE_OP, STEP_OP, segmentFor } from '../rewrite/rewrite.ts';
import { textOf, textsOf, valueOf, valuesOf } from './args.ts';
import { bindRows } from './bind-rows.ts';
import type { CapturedWindow } from './captured-window.ts';
import { shapeOf } from './inputs.ts';
import { mapRanks } from './map-ranks.ts';
import { standIn } from './quantiser-stand-in.ts';
import type { Tensors } from './worst-difference.ts';

/** What a graph is rewritten for. */
export interface Launch {
  readonly plan: Plan;
  /** Undefined when the graph has one node per site. */
  readonly tokens: number | undefined;
  readonly mode: LaunchMode | undefined;
}

/** A graph after `rewrite`. */
export interface Rewritten extends Launch {
  readonly graph: Graph;
}

/** Name of the input of a site by the keyword that a rewritten node has for it. */
const ROLES = {
  residual: 'residual',
  weight: 'weight',
  bias: 'bias',
  scale: 'scale',
  pre_norm_weight: 'preNormWeight',
} as const;

/** Segment of a class that a graph was rewritten for. */
export function rewrittenSegment(
  { plan, tokens = 1, mode }: Launch,
  { class: site }: PairedSite,
): PlanSegment {
  return segmentFor(plan, site.id, tokens, mode);
}

export const isRewritten = (node: Node): boolean => node.op === SITE_OP || node.op === STEP_OP;

/** Evaluates the rewritten nodes of a window as real values, on the inputs of the captured ones. */
export class RewrittenWindow {
  /** Sites outside of the window by id. */
  readonly others: ReadonlyMap<string, PairedSite>;
  readonly #own: ReadonlyMap<string, PairedSite>;
  readonly #captured: CapturedWindow;
  readonly #rewritten: Rewritten;
  readonly #values: Map<ValueId, Tensors>;

  constructor(captured: CapturedWindow, rewritten: Rewritten, all: readonly PairedSite[]) {
    this.#captured = captured;
    this.#rewritten = rewritten;
    this.#values = new Map(captured.inputs);
    const byId = (paired: PairedSite) => [paired.site.id, paired] as const;
    this.#own = new Map(captured.sites.map(byId));
    this.others = new Map(all.filter(({ site }) => !this.#own.has(site.id)).map(byId));
    const { graph, symbols } = bindRows(rewritten.graph, captured.sites[0]!.site, captured.rows);
    for (const node of rewritten.graph.nodes) {
      if (captured.between.has(node.id)) this.#raw(graph, node, symbols);
      else if (isRewritten(node)) {
        const paired = this.#own.get(textOf(node.kwargs.site));
        if (paired) this.#run(node, paired, symbols);
      }
    }
  }

  /** What a value holds; undefined when it neither belongs to the window nor enters it. */
  find(id: ValueId): Tensors | undefined {
    return this.#values.get(id) ?? this.#entering(id);
  }

  /** Whether a value is a result of a rewritten site of the window. */
  owns(id: ValueId): boolean {
    const node = this.#rewritten.graph.producer(id);
    return node !== undefined && isRewritten(node) && this.#own.has(textOf(node.kwargs.site));
  }

  /** A result of a site outside the window enters as the captured value that it stands for. */
  #entering(id: ValueId): Tensors | undefined {
    const node = this.#rewritten.graph.producer(id);
    const other = node && this.others.get(textOf(node.kwargs.site));
    if (!other) return undefined;
    const output = textsOf(node.kwargs.outputs)[node.outputs.indexOf(id)];
    const stands = other.match.outputs.find((candidate) => candidate.output === output);
    return stands && this.#values.get(stands.value);
  }

  #read(id: ValueId | undefined, node: Node): Tensors {
    if (id === undefined) {
      throw new PlanError({
        message: `the rewritten node "${node.name}" has an argument that is no value.`,
        hint: 'The rewritten graph does not belong to this plan.',
        details: { node: node.name },
      });
    }
    return this.find(id) ?? this.#foreign(id);
  }

  /** A value that neither belongs to the window nor enters it: numbers of its own, so that every reader of it differs. */
  #foreign(id: ValueId): Tensors {
    const { ranks, rows, seed, sites } = this.#captured;
    const { dtype, hidden } = sites[0]!.class;
    const random = new Random(seed).fork(`foreign ${id}`);
    const tensor = activationRows(dtype, rows, hidden, random, false);
    const tensors = Array.from({ length: ranks.count }, () => tensor);
    this.#values.set(id, tensors);
    return tensors;
  }

  /** A raw node that stays. */
  #raw(bound: Graph, node: Node, symbols: Readonly<Record<string, number>>): void {
    const inputs = new Map(
      valuesOf(node.args, node.kwargs).flatMap((id) => {
        const tensors = this.find(id);
        return tensors ? [[id, tensors] as const] : [];
      }),
    );
    const { ranks } = this.#captured;
    const nodes = [bound.node(node.id)];
    const evaluation = evaluateGraph(bound, { inputs, ranks, symbols, mode: 'real', nodes });
    for (const id of node.outputs) this.#values.set(id, evaluation.tensors(id));
  }

  #stages(node: Node, paired: PairedSite): readonly Stage[] {
    if (node.op === SITE_OP) return paired.class.stages;
    const placed = placeSteps(paired.class, rewrittenSegment(this.#rewritten, paired).steps);
    const index = node.kwargs.index;
    const step = placed[index?.kind === 'int' ? Number(index.value) : -1];
    if (step) return step.stages;
    throw new PlanError({
      message: `the rewritten node "${node.name}" is no step of class ${paired.class.id}.`,
      hint: 'Rewrite the graph again.',
    });
  }

  #run(node: Node, paired: PairedSite, symbols: Readonly<Record<string, number>>): void {
    const { ranks } = this.#captured;
    const given = node.args.map((arg) => this.#read(valueOf(arg), node));
    const shared: { [role: string]: RefTensor } = {};
    for (const [keyword, role] of Object.entries(ROLES)) {
      const value = valueOf(node.kwargs[keyword]);
      if (value !== undefined) shared[role] = this.#read(value, node)[0]!;
    }
    const partials = Array.from({ length: ranks.count }, (_, rank) =>
      given.map((tensors) => tensors[rank]!),
    );
    const stages = this.#stages(node, paired);
    const results = idealSite({ ...paired.class, stages }, { partials, ...shared }, ranks);
    const outputs = textsOf(node.kwargs.outputs);
    node.outputs.forEach((id, i) => {
      const output = outputs[i] as SiteOutput;
      const isQuantised = output === 'quant' || output === 'scale';
      const tensors = mapRanks(results, (of) => (isQuantised ? standIn(output, of) : of[output]));
      if (!tensors.every((tensor) => tensor !== undefined)) return;
      const { shape: computed } = tensors[0]!;
      const value = this.#rewritten.graph.value(id);
      const shape = isQuantised ? computed : shapeOf(value, symbols, computed);
      // Real values in the place of the site's dtype: a view of the same dtype reads them as they are.
      const { dtype } = paired.class;
      this.#values.set(
        id,
        mapRanks(tensors, (tensor) => ({ ...reshaped(tensor, shape), dtype })),
      );
    });
  }
}
