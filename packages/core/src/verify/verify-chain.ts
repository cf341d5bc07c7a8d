import {
  type IoDType,
  type LaunchMode,
  type Plan,
  PlanError,
  type PlanSegment,
  type SiteOutput,
  type Stage,
} from '@arfuse/contract';
import {
  type Arg,
  convexClosure,
  eachValue,
  type Graph,
  type Node,
  type ValueId,
} from '@arfuse/graph';
import {
  activationRows,
  type Evaluation,
  evaluateGraph,
  idealSite,
  Random,
  type RefTensor,
  reshaped,
  type SimulatedRanks,
  type SiteResults,
} from '@arfuse/reference';
import type { PairedSite } from '../rewrite/pair-sites.ts';
import { SITE_OP, STEP_OP, segmentFor } from '../rewrite/rewrite.ts';
import { placeSteps } from '../rewrite/steps-of-site.ts';
import { type BoundSlice, bindRows } from './bind-rows.ts';
import { makeInputs, shapeOf } from './inputs.ts';
import { standIn } from './quantiser-stand-in.ts';
import type { ChainVerification, Difference } from './report.ts';
import { ulpsBetween } from './ulp.ts';

/** Relative to the row's largest value, in float64. */
const TOLERANCE = 1e-9;

type Tensors = readonly RefTensor[];

const textOf = (arg: Arg | undefined): string => (arg?.kind === 'string' ? arg.value : '');
const valueOf = (arg: Arg | undefined): ValueId | undefined =>
  arg?.kind === 'value' ? arg.id : undefined;

const namesOf = (arg: Arg | undefined): string[] =>
  arg?.kind === 'list' ? arg.items.map(textOf) : [];

/** Values of nodes and arguments in the order in which they stand. */
function valuesOf(args: readonly Arg[], kwargs: Readonly<Record<string, Arg>>): ValueId[] {
  const found: ValueId[] = [];
  for (const arg of args) eachValue(arg, (value) => found.push(value));
  for (const key of Object.keys(kwargs)) eachValue(kwargs[key]!, (value) => found.push(value));
  return found;
}

export interface ChainInput {
  readonly graph: Graph;
  /** The same graph after `rewrite`. */
  readonly rewritten: Graph;
  readonly plan: Plan;
  readonly ranks: SimulatedRanks;
  /** Row count to evaluate. */
  readonly rows: number;
  /** Token count that the graph was rewritten for; undefined when it has one node per site. */
  readonly tokens: number | undefined;
  readonly mode: LaunchMode | undefined;
  readonly seed: number;
}

/** Evaluates two consecutive sites in the captured and in the rewritten graph and compares what every reader reads. */
export class ChainVerifier {
  readonly #input: ChainInput;
  readonly #window: readonly PairedSite[];
  readonly #others: ReadonlyMap<string, PairedSite>;
  readonly #before = new Map<ValueId, Tensors>();
  readonly #after = new Map<ValueId, Tensors>();

  constructor(input: ChainInput, window: readonly PairedSite[], all: readonly PairedSite[]) {
    this.#input = input;
    this.#window = window;
    this.#others = new Map(
      all.filter((paired) => !window.includes(paired)).map((paired) => [paired.site.id, paired]),
    );
  }

  run(): ChainVerification {
    const { graph, ranks, rows, seed } = this.#input;
    const covered = new Set(this.#window.flatMap((paired) => paired.match.covered));
    // A view between two covered nodes may have other readers: it stays in the graph, but is evaluated here.
    const evaluated = new Set(
      this.#window.flatMap((paired) => [...convexClosure(graph, paired.match.covered)]),
    );
    const nodes = graph.nodes.filter((node) => evaluated.has(node.id));
    const bound = bindRows(graph, this.#window[0]!.site, rows);
    const fresh = new Map<ValueId, Tensors>();
    const defined = new Set(nodes.flatMap((node) => node.outputs));
    const entering = new Set(
      nodes
        .flatMap((node) => valuesOf(node.args, node.kwargs))
        .filter((value) => !defined.has(value)),
    );
    for (const [i, paired] of this.#window.entries()) {
      const { inputs } = paired.match;
      const name = (value: ValueId): string => graph.value(value).name;
      const roles = Object.fromEntries(
        Object.entries(inputs).flatMap(([role, value]) =>
          typeof value === 'number' ? [[role, name(value)]] : [],
        ),
      );
      const slice = {
        graph: null,
        site: paired.site.id,
        inputs: { partials: inputs.partials.map(name), ...roles },
        outputs: {},
      };
      for (const [value, tensors] of makeInputs(
        paired.class,
        slice,
        bound,
        ranks,
        seed + i,
        entering,
      ).raw) {
        if (!fresh.has(value)) fresh.set(value, tensors);
      }
    }
    for (const value of defined) fresh.delete(value);
    const evaluation = evaluateGraph(bound.graph, {
      inputs: fresh,
      ranks,
      symbols: bound.symbols,
      mode: 'real',
      nodes: bound.graph.nodes.filter((node) => evaluated.has(node.id)),
    });
    for (const paired of this.#window) this.#evaluated(paired, evaluation);
    for (const [value, tensors] of fresh) this.#after.set(value, tensors);
    for (const id of covered) evaluated.delete(id);
    this.#runRewritten(evaluated, bindRows(this.#input.rewritten, this.#window[0]!.site, rows));
    return this.#compareReaders(covered);
  }

  /** Keeps the captured results of a site; a quantiser's have stand-ins. */
  #evaluated({ class: site, match }: PairedSite, evaluation: Evaluation): void {
    const { ranks } = this.#input;
    const { inputs } = match;
    const flat = (id: ValueId): Tensors => evaluation.tensors(id);
    const first = (id: ValueId | undefined): RefTensor | undefined =>
      id === undefined ? undefined : flat(id)[0];
    const roles = {
      residual: first(inputs.residual),
      weight: first(inputs.weight),
      bias: first(inputs.bias),
      preNormWeight: first(inputs.preNormWeight),
      scale: first(inputs.scale),
    };
    const given = Object.fromEntries(Object.entries(roles).filter(([, tensor]) => tensor));
    const partials = inputs.partials.map(flat);
    let normed: readonly SiteResults[] | undefined;
    for (const { output, value } of match.outputs) {
      if (output !== 'quant' && output !== 'scale') {
        this.#before.set(value, evaluation.tensors(value));
        continue;
      }
      normed ??= idealSite(
        site,
        {
          partials: Array.from({ length: ranks.count }, (_, rank) =>
            partials.map((tensors) => tensors[rank]!),
          ),
          ...given,
        },
        ranks,
      );
      this.#before.set(
        value,
        normed.map((results) => standIn(output, results)!),
      );
    }
  }

  /** @param between - raw nodes that stay and stand between two covered ones */
  #runRewritten(between: ReadonlySet<number>, { graph: bound, symbols }: BoundSlice): void {
    const { ranks, rewritten } = this.#input;
    const wanted = new Map(this.#window.map((paired) => [paired.site.id, paired]));
    for (const node of rewritten.nodes) {
      if (between.has(node.id)) {
        const inputs = new Map(
          valuesOf(node.args, node.kwargs).flatMap((id) =>
            this.#after.has(id) ? [[id, this.#after.get(id)!]] : [],
          ),
        );
        const evaluation = evaluateGraph(bound, {
          inputs,
          ranks,
          symbols,
          mode: 'real',
          nodes: [bound.node(node.id)],
        });
        for (const id of node.outputs) this.#after.set(id, evaluation.tensors(id));
        continue;
      }
      if (node.op !== SITE_OP && node.op !== STEP_OP) continue;
      const paired = wanted.get(textOf(node.kwargs.site));
      if (paired) this.#runNode(node, paired, symbols);
    }
  }

  #read(id: ValueId | undefined, node: Node): Tensors {
    if (id === undefined) {
      throw new PlanError({
        message: `the rewritten node "${node.name}" has an argument that is no value.`,
        hint: 'The rewritten graph does not belong to this plan.',
        details: { node: node.name },
      });
    }
    return this.#after.get(id) ?? this.#entering(id) ?? this.#foreign(id);
  }

  /** A value that neither belongs to the window nor enters it: numbers of its own, so that every reader of it differs. */
  #foreign(id: ValueId): Tensors {
    const { ranks, rows, seed } = this.#input;
    const { dtype, hidden } = this.#window[0]!.class;
    const random = new Random(seed).fork(`foreign ${id}`);
    const tensor = activationRows(dtype, rows, hidden, random, false);
    const tensors = Array.from({ length: ranks.count }, () => tensor);
    this.#after.set(id, tensors);
    return tensors;
  }

  /** A result of a site outside the window enters as the captured value that it stands for. */
  #entering(id: ValueId): Tensors | undefined {
    const node = this.#input.rewritten.producer(id);
    const other = node && this.#others.get(textOf(node.kwargs.site));
    if (!other) return undefined;
    const output = namesOf(node.kwargs.outputs)[node.outputs.indexOf(id)];
    const stands = other.match.outputs.find((candidate) => candidate.output === output);
    return stands && this.#after.get(stands.value);
  }

  #stages(node: Node, paired: PairedSite): readonly Stage[] {
    if (node.op === SITE_OP) return paired.class.stages;
    const placed = placeSteps(paired.class, this.#segment(paired).steps);
    const index = node.kwargs.index;
    const step = placed[index?.kind === 'int' ? Number(index.value) : -1];
    if (!step)
      throw new PlanError({
        message: `the rewritten node "${node.name}" is no step of class ${paired.class.id}.`,
        hint: 'Rewrite the graph again.',
      });
    return step.stages;
  }

  #runNode(node: Node, paired: PairedSite, symbols: Readonly<Record<string, number>>): void {
    const { ranks, rewritten } = this.#input;
    const given = node.args.map((arg) => this.#read(valueOf(arg), node));
    const partials = Array.from({ length: ranks.count }, (_, rank) =>
      given.map((tensors) => tensors[rank]!),
    );
    const role = (name: string): { readonly [K in string]?: RefTensor } | undefined => {
      const value = valueOf(node.kwargs[name]);
      return value === undefined ? undefined : { [name]: this.#read(value, node)[0]! };
    };
    const inputs = {
      partials,
      ...role('residual'),
      ...role('weight'),
      ...role('bias'),
      ...role('scale'),
      ...(node.kwargs.pre_norm_weight
        ? { preNormWeight: this.#read(valueOf(node.kwargs.pre_norm_weight), node)[0]! }
        : {}),
    };
    const results = idealSite(
      { ...paired.class, stages: this.#stages(node, paired) },
      inputs,
      ranks,
    );
    const outputs = namesOf(node.kwargs.outputs);
    node.outputs.forEach((id, i) => {
      const output = outputs[i] as SiteOutput;
      const isQuantised = output === 'quant' || output === 'scale';
      const tensors = results.map((of) => (isQuantised ? standIn(output, of) : of[output]));
      if (tensors.every((tensor) => tensor !== undefined)) {
        const { shape: computed } = tensors[0]!;
        const shape = isQuantised ? computed : shapeOf(rewritten.value(id), symbols, computed);
        // Real values in the place of the site's dtype: a view of the same dtype reads them as they are.
        this.#after.set(
          id,
          tensors.map((tensor) => ({ ...reshaped(tensor, shape), dtype: paired.class.dtype })),
        );
      }
    });
  }

  #compareReaders(covered: ReadonlySet<number>): ChainVerification {
    const { graph, rewritten } = this.#input;
    const failures: { reader: string; reads: string; was: string; difference: Difference }[] = [];
    let readers = 0;
    const compare = (reader: string, was: ValueId, reads: ValueId): void => {
      const expected = this.#before.get(was);
      const found = this.#after.get(reads) ?? this.#entering(reads);
      const ours = this.#isOurs(reads);
      if (!expected && !ours) return;
      readers += 1;
      const difference =
        expected && found
          ? worstDifference(expected, found, this.#window[0]!.class.dtype)
          : MISSING;
      if (difference)
        failures.push({
          reader,
          reads: rewritten.value(reads).name,
          was: graph.value(was).name,
          difference,
        });
    };
    const pairs = (reader: string, before: readonly ValueId[], after: readonly ValueId[]): void => {
      before.forEach((was, i) => {
        if (after[i] !== undefined) compare(reader, was, after[i]);
      });
    };
    const rewrittenNodes = new Map(rewritten.nodes.map((node) => [node.id, node]));
    for (const node of graph.nodes) {
      const now = covered.has(node.id) ? undefined : rewrittenNodes.get(node.id);
      if (now) pairs(node.name, valuesOf(node.args, node.kwargs), valuesOf(now.args, now.kwargs));
    }
    for (const node of rewritten.nodes) {
      const other = this.#others.get(textOf(node.kwargs.site));
      if (!other || (node.op !== SITE_OP && node.op !== STEP_OP)) continue;
      const { partials, residual } = other.match.inputs;
      const kept = valueOf(node.kwargs.residual);
      if (residual !== undefined && kept !== undefined) compare(node.name, residual, kept);
      const first = textOf(node.kwargs.covers) === '' && node.op === SITE_OP;
      if (first)
        pairs(
          node.name,
          partials,
          node.args.flatMap((arg) => valueOf(arg) ?? []),
        );
    }
    pairs('the program output', valuesOf(graph.outputs, {}), valuesOf(rewritten.outputs, {}));
    pairs(
      'an input changed in place',
      graph.inputWrites.map((write) => write.value),
      rewritten.inputWrites.map((write) => write.value),
    );
    const ids = this.#window.map((paired) => paired.site.id);
    return {
      sites: ids.length === 2 ? [ids[0]!, ids[1]!] : [ids[0]!],
      steps: this.#window.map((paired) => this.#stepsOf(paired)),
      passed: failures.length === 0,
      readers,
      failures,
    };
  }

  #stepsOf(paired: PairedSite): string {
    return this.#input.tokens === undefined
      ? SITE_OP
      : this.#segment(paired)
          .steps.map((step) => step.kernel)
          .join(' + ');
  }

  #segment(paired: PairedSite): PlanSegment {
    const { plan, tokens = 1, mode } = this.#input;
    return segmentFor(plan, paired.class.id, tokens, mode);
  }

  /** Whether a value of the rewritten graph is a result of a rewritten site of the window. */
  #isOurs(id: ValueId): boolean {
    const node = this.#input.rewritten.producer(id);
    return (
      node !== undefined &&
      (node.op === SITE_OP || node.op === STEP_OP) &&
      this.#window.some((paired) => paired.site.id === textOf(node.kwargs.site))
    );
  }
}

const MISSING: Difference = {
  rank: 0,
  row: 0,
  column: 0,
  expected: Number.NaN,
  found: Number.NaN,
  ulps: Number.POSITIVE_INFINITY,
};

function worstDifference(
  expected: Tensors,
  found: Tensors,
  dtype: IoDType,
): Difference | undefined {
  let worst: Difference | undefined;
  expected.forEach((tensor, rank) => {
    const other = found[rank]!;
    const columns = tensor.shape.at(-1) ?? 1;
    if (other.data.length !== tensor.data.length) {
      worst = MISSING;
      return;
    }
    for (let start = 0; start < tensor.data.length; start += columns) {
      let limit = 0;
      for (let i = start; i < start + columns; i += 1) {
        const value = Math.abs(tensor.data[i]!);
        if (Number.isFinite(value) && value > limit) limit = value;
      }
      for (let i = start; i < start + columns; i += 1) {
        const [a, b] = [tensor.data[i]!, other.data[i]!];
        if (a === b || (a !== a && b !== b) || Math.abs(a - b) <= TOLERANCE * limit) continue;
        const ulps = ulpsBetween(dtype, a, b);
        if (!worst || ulps > worst.ulps)
          worst = { rank, row: start / columns, column: i - start, expected: a, found: b, ulps };
      }
    }
  });
  return worst;
}
