import {
  canonicalJson,
  type PlacedStep,
  PlanError,
  type PlanSegment,
  type PlanStep,
  placeSteps,
  SITE_OUTPUTS,
  type SiteOutput,
  type Stage,
  type StageKind,
} from '@arfuse/contract';
import {
  type Arg,
  type Graph,
  type GraphEditor,
  type ValueId,
  type ValueType,
  valueArg,
} from '@arfuse/graph';
import type { PairedSite } from './pair-sites.ts';

/** Op of a rewritten site whose steps depend on the token count of the launch. */
export const SITE_OP = 'arfuse.site';

/** Op of one step of a rewritten site. */
export const STEP_OP = 'arfuse.step';

/** Keyword argument that a stage needs. */
const ROLE_OF_STAGE: Readonly<Partial<Record<StageKind, string>>> = {
  bias: 'bias',
  pre_norm: 'pre_norm_weight',
  residual: 'residual',
  norm: 'weight',
  quant: 'scale',
};

/** What a stage leaves behind, by the name that a site's outputs use. */
const STATE_AFTER: Readonly<Partial<Record<StageKind, SiteOutput>>> = {
  merge: 'all_reduce',
  all_reduce: 'all_reduce',
  bias: 'all_reduce',
  scale: 'all_reduce',
  pre_norm: 'pre_norm',
  residual: 'residual',
  norm: 'norm',
};

const text = (value: string): Arg => ({ kind: 'string', value });

const texts = (values: readonly string[]): Arg => ({ kind: 'list', items: values.map(text) });

function produces({ kind }: Stage, output: SiteOutput): boolean {
  return (
    STATE_AFTER[kind] === output || (kind === 'quant' && (output === 'quant' || output === 'scale'))
  );
}

/** A result of a new node: `raw` is the captured value that it replaces, if it is more than an intermediate one. */
interface Result {
  readonly output: SiteOutput;
  readonly raw: ValueId | undefined;
}

/** Replaces the covered nodes of sites by new nodes. */
export class SiteRewriter {
  readonly #graph: Graph;
  readonly #editor: GraphEditor;

  constructor(graph: Graph, editor: GraphEditor) {
    this.#graph = graph;
    this.#editor = editor;
  }

  /** One node for the whole site. */
  whole(paired: PairedSite): void {
    const { site, match } = paired;
    const results = match.outputs.map(({ output, value }): Result => ({ output, raw: value }));
    this.#add(
      paired,
      `arfuse_${site.id}`,
      SITE_OP,
      match.inputs.partials,
      this.#roles(paired, paired.class.stages),
      results,
    );
    this.#remove(paired);
  }

  /**
   * One node per step of the segment.
   * @throws PlanError when the steps never produce something that the graph reads
   */
  steps(paired: PairedSite, segment: PlanSegment): void {
    const { site, match } = paired;
    const placed = placeSteps(paired.class, segment.steps);
    const missing = new Set(match.outputs.map(({ value }) => value));
    let states = match.inputs.partials;
    let reduced: readonly ValueId[] = [];
    placed.forEach(({ step, stages }, index) => {
      const later = placed.slice(index + 1).flatMap((next) => next.stages);
      const results = this.#resultsOf(paired, stages, later);
      const [first] = stages;
      const partial = first?.kind === 'all_reduce' ? first.partial : undefined;
      const args = partial === undefined ? states : [match.inputs.partials[partial]!];
      const kwargs = { ...this.#roles(paired, stages), ...describe(step, index) };
      const values = this.#add(
        paired,
        `arfuse_${site.id}_${index}`,
        STEP_OP,
        args,
        kwargs,
        results,
      );
      for (const { raw } of results) if (raw !== undefined) missing.delete(raw);
      const state =
        values[results.findIndex(({ output }) => output === STATE_AFTER[stages.at(-1)!.kind])];
      if (state === undefined) return;
      // The two all-reduces of an unmerged pair are added by a later step.
      if (partial !== undefined) reduced = [...reduced, state];
      states = partial === undefined ? [state] : reduced;
    });
    if (missing.size > 0) {
      const names = [...missing].map((value) => `"${this.#graph.value(value).name}"`);
      throw new PlanError({
        message: `site ${site.id}: its steps never produce ${names.join(', ')}, which the graph reads.`,
        hint: 'Make the plan again.',
        details: { site: site.id },
      });
    }
    this.#remove(paired);
  }

  /** What a step writes: what the graph reads, once no later stage changes it, and the state that the next step needs. */
  #resultsOf(
    { match }: PairedSite,
    stages: PlacedStep['stages'],
    later: readonly Stage[],
  ): Result[] {
    const results: Result[] = [];
    for (const output of SITE_OUTPUTS) {
      if (!stages.some((stage) => produces(stage, output))) continue;
      const changed = later.some((stage) => STATE_AFTER[stage.kind] === output);
      const finals = changed
        ? []
        : match.outputs.filter((candidate) => candidate.output === output);
      for (const { value } of finals) results.push({ output, raw: value });
      const continued = later.length > 0 && STATE_AFTER[stages.at(-1)!.kind] === output;
      if (continued && finals.length === 0) results.push({ output, raw: undefined });
    }
    return results;
  }

  #add(
    { site, match }: PairedSite,
    name: string,
    op: string,
    args: readonly ValueId[],
    kwargs: Readonly<Record<string, Arg>>,
    results: readonly Result[],
  ): readonly ValueId[] {
    const stateType = this.#graph.value(match.inputs.partials[0]!).type;
    const { values } = this.#editor.addNode(
      {
        name,
        op,
        args: args.map(valueArg),
        kwargs: {
          ...kwargs,
          site: text(site.id),
          class: text(site.class),
          group: text(match.group),
          outputs: texts(results.map(({ output }) => output)),
        },
        outputs: results.map(({ output, raw }): { name: string; type: ValueType | null } =>
          raw === undefined
            ? { name: `${name}_${output}`, type: stateType }
            : { name: `${this.#graph.value(raw).name}_arfuse`, type: this.#graph.value(raw).type },
        ),
        provenance: this.#graph.node(match.anchor).provenance,
      },
      match.anchor,
    );
    results.forEach(({ raw }, i) => {
      if (raw !== undefined) this.#editor.replaceUses(raw, values[i]!);
    });
    return values;
  }

  /** The site's input values that the stages need, as keyword arguments. */
  #roles({ match }: PairedSite, stages: readonly Stage[]): Record<string, Arg> {
    const { residual, weight, bias, preNormWeight, scale } = match.inputs;
    const given: Readonly<Record<string, ValueId | undefined>> = {
      residual,
      weight,
      bias,
      pre_norm_weight: preNormWeight,
      scale,
    };
    const kwargs: Record<string, Arg> = {};
    for (const { kind } of stages) {
      const role = ROLE_OF_STAGE[kind];
      const value = role === undefined ? undefined : given[role];
      if (role !== undefined && value !== undefined) kwargs[role] = valueArg(value);
    }
    return kwargs;
  }

  #remove({ match }: PairedSite): void {
    // What only asks for the shape of a removed value asks an input of the same type instead.
    for (const { value, like } of match.shapeReaders ?? []) {
      if (!match.outputs.some((output) => output.value === value))
        this.#editor.replaceUses(value, like);
    }
    for (const node of match.covered) this.#editor.removeNode(node);
  }
}

function describe(step: PlanStep, index: number): Record<string, Arg> {
  return {
    kernel: text(step.kernel),
    covers: texts(step.covers),
    params: text(canonicalJson(step.params)),
    index: { kind: 'int', value: index },
  };
}
