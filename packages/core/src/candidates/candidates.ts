import {
  BackendError,
  type Candidate,
  canonicalJson,
  type Deviation,
  deviationsOf,
  type Kernel,
  type KernelOffer,
  type LaunchMode,
  NEVER_DEVIATIONS,
  type PlanStep,
  type Stage,
} from '@arfuse/contract';
import { intersect, type TokenRange } from './admitted-ranges.ts';
import { type Composition, compositions } from './compositions.ts';
import { joinNumerics, numericsKey } from './join-numerics.ts';
import { type CandidateScope, RunAdmissions, type RunKey, requestFor } from './run-admissions.ts';

/** A candidate and where every kernel of it is admitted. */
export interface RangedCandidate {
  readonly candidate: Candidate;
  readonly admitted: readonly TokenRange[];
  /** Why not elsewhere; `tokens` null when the reason holds everywhere. */
  readonly refusals: readonly {
    readonly tokens: TokenRange | null;
    readonly reasons: readonly string[];
  }[];
}

/** Kernels of this complexity and above perform more than the all-reduce. */
const FUSED_COMPLEXITY = 3;

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The simplest first: complexity, then launches, then name. */
export function bySimplicity(a: Candidate, b: Candidate): number {
  return a.complexity - b.complexity || a.steps.length - b.steps.length || byText(a.name, b.name);
}

const hasAllReduce = (run: RunKey): boolean =>
  run.order.slice(run.start, run.end).some((stage) => stage.kind === 'all_reduce');

const nameOf = (kernels: readonly string[]): string => kernels.join(' + ');

function offerOf(
  scope: CandidateScope,
  run: RunKey,
  tokens: TokenRange,
): { step: PlanStep; offer: KernelOffer } {
  const span = scope.spans.find(({ min, max }) => min <= tokens[0] && tokens[0] <= max)!;
  const last = scope.spans.find(({ min, max }) => min <= tokens[1] && tokens[1] <= max)!;
  const rows = { min: span.padded ?? tokens[0], max: last.padded ?? tokens[1] };
  const mode: LaunchMode = span.mode;
  const request = { ...requestFor(scope, run), rows, mode };
  const offer = run.kernel.offer(request);
  if (typeof offer?.params !== 'object' || typeof offer.numerics !== 'object') {
    throw new BackendError({
      message: `kernel "${run.kernel.id}" answered offer() with ${JSON.stringify(offer)}.`,
      hint: 'Return { params, numerics }.',
      details: { kernel: run.kernel.id },
    });
  }
  return {
    step: {
      kernel: run.kernel.id,
      params: offer.params,
      covers: request.stages.map((stage) => stage.kind),
    },
    offer,
  };
}

/** One candidate per admitted range; ranges with equal steps and numerics are one. */
function variants(
  scope: CandidateScope,
  runs: Composition,
  name: string,
  admissions: RunAdmissions,
): RangedCandidate[] {
  const perRun = runs.map((run) => admissions.of(run));
  const refusals = runs.flatMap((_, i) => perRun[i]!.refused);
  const order = runs[0]!.order;
  // Captured and eager launches are different requests, and an offer may depend on the rows it is asked for.
  const edges = scope.spans
    .filter((span, i) => span.mode !== scope.spans[i - 1]?.mode)
    .map((span) => span.min);
  const modes: TokenRange[] = edges.map((min, i) => [
    min,
    (edges[i + 1] ?? scope.target.tokens.max + 1) - 1,
  ]);
  const ranges = intersect([...perRun.map((admission) => admission.admitted), modes]);
  const found = new Map<string, { candidate: Candidate; admitted: TokenRange[] }>();
  for (const tokens of ranges) {
    const offers = runs.map((run) => offerOf(scope, run, tokens));
    const merged = order[0]!.kind === 'merge';
    const numerics = joinNumerics(
      scope.site.numerics,
      offers.map(({ offer }) => offer),
      merged,
    );
    const steps = offers.map(({ step }) => step);
    const key = canonicalJson(steps.map((step) => step.params)) + numericsKey(numerics);
    const known = found.get(key);
    if (known) {
      known.admitted.push(tokens);
      continue;
    }
    found.set(key, {
      candidate: {
        name,
        steps,
        numerics,
        deviations: deviationsOf(scope.site.numerics, numerics),
        complexity: runs.reduce((sum, run) => sum + run.kernel.complexity, 0),
        fused: runs.some((run) => run.end - run.start > 1 && hasAllReduce(run)),
      },
      admitted: [tokens],
    });
  }
  return [...found.values()].map(({ candidate, admitted }) => ({ candidate, admitted, refusals }));
}

/** Names that several compositions share get their cut appended. */
function names(found: readonly Composition[]): string[] {
  const plain = found.map((runs) => nameOf(runs.map((run) => run.kernel.id)));
  const seen = new Set<string>();
  return plain.map((name, i) => {
    if (!seen.has(name)) {
      seen.add(name);
      return name;
    }
    const cuts = found[i]!.map((run) =>
      run.order
        .slice(run.start, run.end)
        .map((stage) => stage.kind)
        .join(' '),
    );
    return `${name} (${cuts.join(' | ')})`;
  });
}

/** Why a difference in numerics rules a candidate out. */
function deviationReasons(
  deviations: readonly Deviation[],
  allowed: ReadonlySet<string>,
): string[] {
  return deviations
    .filter(({ name }) => !allowed.has(name) || NEVER_DEVIATIONS.includes(name))
    .map(({ name, site, steps }) => {
      const rule = NEVER_DEVIATIONS.includes(name)
        ? 'which is never allowed'
        : 'which the policy does not allow';
      return `deviates in ${name}: the program has ${String(site)}, the kernels have ${String(steps)}, ${rule}.`;
    });
}

/** A kernel that no candidate uses as it was meant to be used, with its own sentences. */
function refusedOutright(
  scope: CandidateScope,
  kernel: Kernel,
  orders: readonly (readonly Stage[])[],
  admissions: RunAdmissions,
): RangedCandidate | undefined {
  const order = orders[0]!;
  const start = order.findIndex((stage) => stage.kind === 'all_reduce');
  if (start < 0 || !kernel.collective) return undefined;
  const alone = admissions.of({ kernel, order, start, end: start + 1 });
  const whole = admissions.of({ kernel, order, start, end: order.length });
  // A kernel that only reduces is not asked why it does not norm; a fused one is.
  const asked = kernel.complexity >= FUSED_COMPLEXITY ? whole : alone;
  if (asked.admitted.length > 0 || (asked === alone && whole.admitted.length > 0)) return undefined;
  const end = asked === whole ? order.length : start + 1;
  return {
    candidate: {
      name: kernel.id,
      steps: [
        {
          kernel: kernel.id,
          params: {},
          covers: order.slice(start, end).map((stage) => stage.kind),
        },
      ],
      numerics: scope.site.numerics,
      deviations: [],
      complexity: kernel.complexity,
      fused: end - start > 1,
    },
    admitted: [],
    refusals: asked.refused.map(({ tokens, reasons }) => ({
      tokens: asked.refused.length === 1 ? null : tokens,
      reasons,
    })),
  };
}

/**
 * Every composition of kernels that performs a class at some row count, the simplest first, and the fused kernels that
 * perform it nowhere, with their refusals. Pure; the order of `kernels` does not matter.
 * @throws BackendError when a kernel breaks its contract
 */
export function findCandidates(
  scope: CandidateScope,
  kernels: readonly Kernel[],
  allowedDeviations: ReadonlySet<string>,
): RangedCandidate[] {
  const sorted = [...kernels].sort((a, b) => byText(a.id, b.id));
  const admissions = new RunAdmissions(scope);
  const { found, orders } = compositions(scope.site.stages, sorted, admissions);
  const named = names(found);
  const ranged = found.flatMap((runs, i) => variants(scope, runs, named[i]!, admissions));
  const filtered = ranged.map((entry): RangedCandidate => {
    const reasons = deviationReasons(entry.candidate.deviations, allowedDeviations);
    return reasons.length === 0
      ? entry
      : { ...entry, admitted: [], refusals: [{ tokens: null, reasons }] };
  });
  for (const kernel of sorted) {
    const refused = refusedOutright(scope, kernel, orders, admissions);
    if (refused) filtered.push(refused);
  }
  return filtered.sort((a, b) => bySimplicity(a.candidate, b.candidate));
}
