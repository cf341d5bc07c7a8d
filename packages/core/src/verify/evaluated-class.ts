import {
  type DType,
  findStage,
  type Plan,
  PlanError,
  type PlanSite,
  type PlanSlice,
  type SiteClass,
  type SiteOutput,
} from '@arfuse/contract';
import { type Graph, graphFromJson } from '@arfuse/graph';
import {
  type Evaluation,
  evaluateGraph,
  idealSite,
  type RefTensor,
  roundAll,
  SimulatedRanks,
  type SiteResults,
} from '@arfuse/reference';
import { bindRows } from './bind-rows.ts';
import { type BoundInputs, makeInputs, valueNamed } from './inputs.ts';
import { mapRanks } from './map-ranks.ts';
import { type QuantisedNorm, quantisedNorm } from './quantised-norm.ts';
import { type RealValues, realValues } from './real-values.ts';

/** Largest number of ranks that are simulated for a group that the class does not reduce over. */
const OTHER_GROUP = 2;

/** The groups of the plan as simulated ranks: the class's own in full size, the others small. */
export function ranksFor(plan: Plan, group: number): SimulatedRanks {
  return new SimulatedRanks(
    plan.groups.map(({ name, size }, ordinal) => ({
      name,
      size: ordinal === group ? size : Math.min(size, OTHER_GROUP),
    })),
  );
}

/** One class evaluated for one row count. */
export interface Prepared {
  readonly tokens: number;
  readonly inputs: BoundInputs;
  /** Raw nodes in float64, and with their dtypes: per output, per rank. */
  readonly real: ReadonlyMap<SiteOutput, readonly RefTensor[]>;
  readonly program: ReadonlyMap<SiteOutput, readonly RefTensor[]>;
  readonly ideal: readonly SiteResults[];
  /** Per rank. */
  readonly realValues: readonly RealValues[];
  /** What the program's quantiser reads; undefined without one. */
  readonly quantised: QuantisedNorm | undefined;
}

/** One class of a plan: its raw nodes, evaluated on seeded inputs over simulated ranks for several row counts. */
export class EvaluatedClass {
  readonly site: SiteClass;
  readonly ranks: SimulatedRanks;
  readonly prepared: readonly Prepared[];
  readonly #slice: PlanSlice;
  readonly #planSite: PlanSite;
  readonly #graph: Graph;

  constructor(plan: Plan, site: SiteClass, tokens: readonly number[], seed: number) {
    const slice = plan.slices[site.id];
    const planSite = plan.sites.find((candidate) => candidate.id === slice?.site);
    if (!slice || !planSite) {
      throw new PlanError({
        message: `class ${site.id} has no slice of the captured graph.`,
        hint: 'Without it nothing can be verified; make the plan again.',
        details: { class: site.id },
      });
    }
    if (!plan.groups[site.group]) {
      throw new PlanError({
        message: `class ${site.id} names group ${site.group}, the plan has ${plan.groups.length}.`,
        hint: 'Make the plan again.',
      });
    }
    this.site = site;
    this.#slice = slice;
    this.#planSite = planSite;
    this.#graph = graphFromJson(slice.graph, { file: `slice of class ${site.id}` });
    this.ranks = ranksFor(plan, site.group);
    this.prepared = tokens.map((count) => this.#prepare(count, seed));
  }

  #prepare(tokens: number, seed: number): Prepared {
    const bound = bindRows(this.#graph, this.#planSite, tokens);
    const inputs = makeInputs(this.site, this.#slice, bound, this.ranks, seed, bound.graph.inputs);
    const evaluate = (mode: 'real' | 'dtype'): Evaluation =>
      evaluateGraph(bound.graph, {
        inputs: inputs.raw,
        ranks: this.ranks,
        symbols: bound.symbols,
        mode,
      });
    const outputs = (evaluation: Evaluation): Map<SiteOutput, readonly RefTensor[]> => {
      const found = new Map<SiteOutput, readonly RefTensor[]>();
      for (const output of this.site.outputs) {
        const name = this.#slice.outputs[output];
        if (name === undefined) {
          throw new PlanError({
            message: `class ${this.site.id} says that "${output}" escapes, its slice has no such output.`,
            hint: 'Make the plan again.',
            details: { class: this.site.id, output },
          });
        }
        found.set(output, evaluation.tensors(valueNamed(bound.graph, name, this.site.id).id));
      }
      return found;
    };
    const real = evaluate('real');
    const program = evaluate('dtype');
    const ideal = idealSite(this.site, inputs.site, this.ranks);
    const quantised = quantisedNorm(this.site, bound.graph, real, program, ideal);
    const [realOutputs, programOutputs] = [outputs(real), this.#stored(outputs(program))];
    if (quantised) {
      // What the quantiser reads is compared as if it escaped; unrounded, only as a real value.
      realOutputs.set('norm', realOutputs.get('norm') ?? quantised.real);
      if (this.site.numerics.quantInput !== 'unrounded')
        programOutputs.set('norm', programOutputs.get('norm') ?? quantised.program);
    }
    return {
      tokens: bound.rows,
      inputs,
      real: realOutputs,
      program: programOutputs,
      ideal,
      realValues: mapRanks(ideal, (results, rank) =>
        realValues(this.site, this.ranks, inputs.site, results, rank),
      ),
      quantised,
    };
  }

  /** A residual that a compiler pass carries in float32 between sites is compared as the site stores it. */
  #stored(outputs: Map<SiteOutput, readonly RefTensor[]>): Map<SiteOutput, readonly RefTensor[]> {
    const { dtype } = this.site;
    const residual = outputs.get('residual');
    if (residual && residual[0]!.dtype !== dtype) {
      outputs.set(
        'residual',
        mapRanks(residual, (tensor) => {
          const data = tensor.data.slice();
          roundAll(dtype, data);
          return { ...tensor, dtype, data };
        }),
      );
    }
    return outputs;
  }

  /** Dtype of an output. */
  widthOf(output: SiteOutput): DType {
    const quant = findStage(this.site.stages, 'quant');
    if (output === 'quant') return quant?.outputDtype ?? this.site.dtype;
    return output === 'scale' ? (quant?.scaleDtype ?? 'f32') : this.site.dtype;
  }
}
