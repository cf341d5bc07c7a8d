import {
  type Backend,
  deviationsOf,
  findStage,
  type IoDType,
  type Kernel,
  type NumericsRecord,
  type Plan,
  type PlanSegment,
  type PlanStep,
  type SiteClass,
  type SiteOutput,
  type Stage,
  type StepRequest,
  type Target,
} from '@arfuse/contract';
import { numericsOf } from '../../requests.ts';
import type { ConformanceChain } from './chains.ts';

/** What a plan for one executor holds: every kernel with every chain, in one shape of activations. */
export interface ExecutionPlanRequest {
  /** Kernels under test. */
  readonly kernels: readonly string[];
  readonly chains: readonly ConformanceChain[];
  readonly dtype: IoDType;
  readonly hidden: number;
  readonly size: number;
  readonly tokens: readonly number[];
  /** Their kernels perform what the kernel under test leaves. */
  readonly backends: readonly Backend[];
  /** Compute capability times 10. */
  readonly capability: number;
}

/** A kernel with a chain: a class of the plan. */
export interface Combination {
  readonly kernel: string;
  readonly chain: string;
  readonly site: SiteClass;
  /** By token count; only what is admitted. */
  readonly segments: ReadonlyMap<number, PlanSegment>;
}

/** Why a kernel does not perform a chain for so many tokens. */
export interface Refusal {
  readonly kernel: string;
  readonly chain: string;
  readonly tokens: number;
  readonly reasons: readonly string[];
}

/** What a captured program of the chain computes: the weight multiplied before the rounding, and NaN kept. */
function chainNumerics(stages: readonly Stage[]): NumericsRecord {
  return {
    ...numericsOf(stages),
    weightMultiply: 'before',
    preNormWeightMultiply: findStage(stages, 'pre_norm')?.weightMultiply ?? null,
    nan: 'propagate',
    mergedPartials: false,
  };
}

const RESULTS: Readonly<Record<Stage['kind'], readonly SiteOutput[]>> = {
  merge: [],
  all_reduce: ['all_reduce'],
  bias: ['all_reduce'],
  scale: ['all_reduce'],
  pre_norm: ['pre_norm'],
  residual: ['residual'],
  norm: ['norm'],
  quant: ['quant', 'scale'],
};

/** Results of a run that leave it: those that are read, and the last one where a later step goes on with it. */
function resultsOf(run: readonly Stage[], goesOn: boolean, outputs: readonly SiteOutput[]) {
  const left = [...new Set(run.flatMap(({ kind }) => RESULTS[kind]))];
  const last = left.at(-1);
  return left.filter((name) => outputs.includes(name) || (goesOn && name === last));
}

/** The longest run from `start` to at most `most` that one of the kernels admits, or the reasons why none does. */
function longestStep(
  kernels: readonly Kernel[],
  stages: readonly Stage[],
  start: number,
  most: number,
  request: Omit<StepRequest, 'stages' | 'outputs'>,
  outputs: readonly SiteOutput[],
): { step: PlanStep; numerics: Partial<NumericsRecord> } | { reasons: readonly string[] } {
  let reasons: readonly string[] = [];
  for (let end = most; end > start; end -= 1) {
    const run = stages.slice(start, end);
    const results = resultsOf(run, end < stages.length, outputs);
    for (const kernel of kernels) {
      const asked = { ...request, stages: run, outputs: results };
      const admission = kernel.admit(asked);
      if (!admission.admitted) {
        // What stands alone is refused for the best reason.
        reasons = admission.reasons;
        continue;
      }
      const { params, numerics } = kernel.offer(asked);
      return {
        step: { kernel: kernel.id, params, covers: run.map(({ kind }) => kind) },
        numerics,
      };
    }
  }
  return { reasons };
}

/** Kernels that may begin at a stage: the one under test where the ranks meet, or where it can at all. */
function candidates(under: Kernel, all: readonly Kernel[], stage: Stage): readonly Kernel[] {
  const others = all.filter(({ id }) => id !== under.id);
  if (stage.kind !== 'all_reduce') return under.collective ? others : [under, ...others];
  return under.collective ? [under] : others.filter(({ collective }) => collective);
}

/**
 * A plan with a class for every kernel and chain, in which the kernel performs as long a run as it admits and the other
 * backends do the rest.
 * @returns the plan, its combinations in order, and what was refused with reasons
 */
export function executionPlan(request: ExecutionPlanRequest): {
  plan: Plan;
  combinations: readonly Combination[];
  refusals: readonly Refusal[];
} {
  const { dtype, hidden, size, backends, capability } = request;
  const tokens = [...new Set(request.tokens)].sort((a, b) => a - b);
  const max = tokens.at(-1) ?? 1;
  const target: Target = {
    sku: 'h200-sxm',
    capability,
    interconnect: 'nvlink-switch',
    multicast: false,
    groups: { default: { size, nodes: 1 } },
    tokens: { max, buckets: tokens, graphUpTo: max },
    libraries: {},
  };
  const kernels = backends.flatMap((backend) => backend.kernels);
  const combinations: Combination[] = [];
  const refusals: Refusal[] = [];
  for (const id of request.kernels) {
    const kernel = kernels.find((candidate) => candidate.id === id);
    for (const { name, stages: stagesOf, outputs } of request.chains) {
      const stages = stagesOf(dtype);
      const numerics = chainNumerics(stages);
      const segments = new Map<number, PlanSegment>();
      for (const count of tokens) {
        const made: ReturnType<typeof segmentOf> = kernel
          ? segmentOf(kernel, kernels, stages, outputs, {
              numerics,
              hidden,
              dtype,
              rows: { min: count, max: count },
              mode: 'graph',
              group: { size, nodes: 1 },
              target,
            })
          : { reasons: [`there is no kernel ${id} among those of the given backends.`] };
        if ('reasons' in made)
          refusals.push({ kernel: id, chain: name, tokens: count, reasons: made.reasons });
        else segments.set(count, made);
      }
      if (segments.size === 0) continue;
      const site: SiteClass = {
        id: `c${combinations.length}`,
        pattern: 'ar_add_rms',
        stages,
        outputs,
        hidden,
        dtype,
        group: 0,
        numerics,
      };
      combinations.push({ kernel: id, chain: name, site, segments });
    }
  }
  return {
    plan: planOf(request, target, combinations),
    combinations,
    refusals,
  };
}

function segmentOf(
  under: Kernel,
  kernels: readonly Kernel[],
  stages: readonly Stage[],
  outputs: readonly SiteOutput[],
  request: Omit<StepRequest, 'stages' | 'outputs'>,
): PlanSegment | { reasons: readonly string[] } {
  const steps: PlanStep[] = [];
  let joined: Partial<NumericsRecord> = {};
  let start = 0;
  while (start < stages.length) {
    // A kernel under test that is no collective gets what another's all-reduce alone leaves.
    const alone = stages[start]!.kind === 'all_reduce' && !under.collective;
    const found = longestStep(
      candidates(under, kernels, stages[start]!),
      stages,
      start,
      alone ? start + 1 : stages.length,
      request,
      outputs,
    );
    if ('reasons' in found) return found;
    steps.push(found.step);
    joined = { ...joined, ...found.numerics };
    start += found.step.covers.length;
  }
  if (!steps.some(({ kernel }) => kernel === under.id))
    return { reasons: ['takes part in no step of this chain.'] };
  const merged = stages[0]?.kind === 'merge';
  const numerics = { ...request.numerics, ...joined, ...(merged ? { mergedPartials: true } : {}) };
  return {
    tokens: [request.rows.min, request.rows.max],
    mode: request.mode,
    steps,
    evidence: { kind: 'rule', note: 'made for conformance' },
    numerics,
    deviations: deviationsOf(request.numerics, numerics),
    reason: 'made for conformance',
  };
}

function planOf(
  { backends, size, kernels, dtype, hidden }: ExecutionPlanRequest,
  target: Target,
  combinations: readonly Combination[],
): Plan {
  return {
    specificationVersion: 1,
    kind: 'arfuse.plan',
    summary: {
      nodes: 0,
      allReduces: combinations.length,
      sites: combinations.length,
      merged: 0,
      plain: 0,
      alreadyFused: 0,
    },
    target,
    tables: [],
    backends: backends.map(({ name, version }) => ({ name, version })),
    groups: [{ name: 'tp', size, nodes: 1 }],
    classes: combinations.map(({ site }) => site),
    sites: combinations.map(({ site }, i) => ({
      id: siteOf(i),
      class: site.id,
      pattern: site.pattern,
      allReduces: [siteOf(i)],
      group: 'tp',
      hidden,
      dtype,
      weightDtype: site.numerics.weightDtype,
      eps: findStage(site.stages, 'norm')?.eps ?? 0,
      weightBias: site.numerics.weightBias,
      outputs: site.outputs,
      rows: 's0',
    })),
    misses: [],
    alreadyFused: [],
    decisions: combinations.map(({ site, segments }, i) => ({
      class: site.id,
      sites: [siteOf(i)],
      candidates: [],
      segments: [...segments.values()],
    })),
    notes: [],
    slices: {},
    hash: `conformance ${kernels.join(' ')} ${dtype} ${hidden} ${size} ${target.tokens.buckets.join(' ')}`,
  };
}

/** Site of a combination. */
export const siteOf = (combination: number): string => `s${combination}`;
