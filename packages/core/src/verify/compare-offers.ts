import {
  BackendError,
  type CellSite,
  canonicalJson,
  type Deviation,
  deviationsOf,
  type Kernel,
  type KernelOffer,
  type LaunchMode,
  NUMERICS_FIELDS,
  type NumericsRecord,
  type Plan,
  PlanError,
  type PlanPlain,
  type PlanSegment,
  type Stage,
  type StepParameter,
  stageOrders,
} from '@arfuse/contract';
import { intersect, type TokenRange } from '../candidates/admitted-ranges.ts';
import { joinNumerics } from '../candidates/join-numerics.ts';
import { launchSpans, rowsOf } from '../candidates/launches.ts';
import {
  type CandidateScope,
  RunAdmissions,
  type RunKey,
  requestFor,
} from '../candidates/run-admissions.ts';
import type { GivenKernels } from './given-kernels.ts';
import type { OfferDifference, OfferVerification } from './report.ts';

/** Asks the kernels of one class again what the plan asked them. */
class ClassOffers {
  readonly #scope: CandidateScope;
  readonly #kernels: GivenKernels;
  readonly #orders: readonly (readonly Stage[])[];
  readonly #admissions: RunAdmissions;
  /** Token ranges that the target launches in one mode. */
  readonly #modes: readonly { readonly mode: LaunchMode; readonly range: TokenRange }[];

  constructor(plan: Plan, site: CellSite, kernels: GivenKernels) {
    const group = plan.groups[site.group];
    if (!group) {
      throw new PlanError({
        message: `class ${site.id} names group ${site.group}, the plan has ${plan.groups.length}.`,
        hint: 'Make the plan again.',
        details: { class: site.id, group: site.group },
      });
    }
    const spans = launchSpans(plan.target);
    const firsts = spans.filter((span, i) => span.mode !== spans[i - 1]?.mode);
    this.#modes = firsts.map(({ mode, min }, i) => ({
      mode,
      range: [min, (firsts[i + 1]?.min ?? plan.target.tokens.max + 1) - 1],
    }));
    this.#scope = { site, target: plan.target, group, spans };
    this.#kernels = kernels;
    this.#orders = stageOrders(site);
    this.#admissions = new RunAdmissions(this.#scope);
  }

  compare(segment: PlanSegment): OfferVerification {
    const differences: OfferDifference[] = [];
    const notCompared = new Set<string>();
    for (const { kernel } of segment.steps)
      if (this.#kernels.find(kernel) === undefined) notCompared.add(kernel);
    this.#compare(segment, differences);
    return {
      class: this.#scope.site.id,
      tokens: segment.tokens,
      mode: segment.mode,
      steps: segment.steps.map((step) => step.kernel),
      passed: differences.length === 0,
      notCompared: [...notCompared],
      differences,
    };
  }

  #compare(segment: PlanSegment, differences: OfferDifference[]): void {
    const { steps, tokens, mode } = segment;
    const all = steps.map((step) => step.kernel).join(' + ');
    const covers = steps.flatMap((step) => step.covers);
    const order = this.#orders.find((stages) => kindsOf(stages).join() === covers.join());
    if (!order) {
      const offered = kindsOf(this.#orders[0]!);
      differences.push({ kernel: all, field: 'covers', recorded: covers, offered });
      return;
    }
    const launched = this.#modes.find(({ range }) => contains(range, tokens));
    if (launched?.mode !== mode) {
      differences.push({ kernel: all, field: 'mode', recorded: mode, offered: launched?.mode });
      return;
    }
    const runs = this.#admitted(segment, order, differences);
    if (runs.length < steps.length) return;
    // As the plan does it: an offer is asked for the widest range that every kernel of the composition admits.
    const range = intersect([
      ...runs.map((run) => this.#admissions.of(run).admitted),
      [launched.range],
    ]).find((candidate) => contains(candidate, tokens))!;
    const offers = runs.map((run) => this.#offer(run, range, mode));
    offers.forEach((offer, i) => {
      compareParams(steps[i]!, offer, differences);
    });
    compareNumerics(this.#scope.site.numerics, segment, offers, order, differences);
  }

  /** The runs of the steps whose kernels exist and admit the launches of the segment. */
  #admitted(
    { steps, tokens }: PlanSegment,
    order: readonly Stage[],
    differences: OfferDifference[],
  ): RunKey[] {
    let start = 0;
    return steps.flatMap(({ kernel: id, covers }) => {
      const kernel = this.#kernels.find(id);
      if (kernel === null)
        differences.push({ kernel: id, field: 'kernel', recorded: id, offered: undefined });
      const end = start + covers.length;
      const run = kernel && { kernel, order, start, end };
      start = end;
      return run && this.#isAdmitted(run, tokens, differences) ? [run] : [];
    });
  }

  #isAdmitted(run: RunKey, tokens: TokenRange, differences: OfferDifference[]): boolean {
    const { admitted, refused } = this.#admissions.of(run);
    if (admitted.some((range) => contains(range, tokens))) return true;
    const sentences = refused
      .filter(({ tokens: [min, max] }) => min <= tokens[1] && tokens[0] <= max)
      .flatMap(({ reasons }) => reasons);
    differences.push({
      kernel: run.kernel.id,
      field: 'admission',
      recorded: 'admitted',
      offered: [...new Set(sentences)].join(' '),
    });
    return false;
  }

  #offer(run: RunKey, [min, max]: TokenRange, mode: LaunchMode): KernelOffer {
    const { spans } = this.#scope;
    const rows = (tokens: number): number =>
      rowsOf(spans.find((span) => span.min <= tokens && tokens <= span.max)!, tokens);
    const offer = run.kernel.offer({
      ...requestFor(this.#scope, run),
      rows: { min: rows(min), max: rows(max) },
      mode,
    });
    return checked(run.kernel, offer);
  }
}

const kindsOf = (stages: readonly Stage[]): Stage['kind'][] => stages.map(({ kind }) => kind);

const contains = ([min, max]: TokenRange, [low, high]: TokenRange): boolean =>
  min <= low && high <= max;

function checked(kernel: Kernel, offer: KernelOffer): KernelOffer {
  if (typeof offer?.params === 'object' && typeof offer.numerics === 'object') return offer;
  throw new BackendError({
    message: `kernel "${kernel.id}" answered offer() with ${JSON.stringify(offer)}.`,
    hint: 'Return { params, numerics }.',
    details: { kernel: kernel.id },
  });
}

const isSame = (a: StepParameter | undefined, b: StepParameter | undefined): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b);

function compareParams(
  { kernel, params }: PlanSegment['steps'][number],
  offer: KernelOffer,
  differences: OfferDifference[],
): void {
  for (const name of new Set([...Object.keys(params), ...Object.keys(offer.params)])) {
    const [recorded, offered] = [params[name], offer.params[name]];
    if (isSame(recorded, offered)) continue;
    differences.push({ kernel, field: `params.${name}`, recorded, offered });
  }
}

function compareNumerics(
  site: NumericsRecord,
  { steps, numerics, deviations }: PlanSegment,
  offers: readonly KernelOffer[],
  order: readonly Stage[],
  differences: OfferDifference[],
): void {
  const joined = joinNumerics(site, offers, order[0]!.kind === 'merge');
  const implied = deviationsOf(site, joined);
  const all = steps.map((step) => step.kernel).join(' + ');
  for (const name of NUMERICS_FIELDS) {
    // Those that give the joined value; none, where it is the site's own.
    const decide = steps.filter((_, i) => offers[i]!.numerics[name] === joined[name]);
    const kernel = decide.map((step) => step.kernel).join(' + ') || all;
    const values = { recorded: numerics[name], offered: joined[name] };
    if (values.recorded !== values.offered) {
      differences.push({ kernel, field: `numerics.${name}`, ...values });
      continue;
    }
    const listed = { recorded: described(deviations, name), offered: described(implied, name) };
    if (listed.recorded !== listed.offered)
      differences.push({ kernel, field: `deviations.${name}`, ...listed });
  }
}

function described(deviations: readonly Deviation[], name: string): string | undefined {
  const found = deviations.find((deviation) => deviation.name === name);
  return found && `${String(found.site)} → ${String(found.steps)}`;
}

/**
 * A plain all-reduce as its kernels were asked for it. The plan keeps no record of its own for it, so what no kernel
 * decides is taken from the segment, and how ranks are summed is left to the library, as a graph leaves it.
 */
function plainSite({ id, group, hidden, dtype }: PlanPlain, segment: PlanSegment): CellSite {
  return {
    id,
    pattern: 'all_reduce',
    stages: [{ kind: 'all_reduce' }],
    outputs: ['all_reduce'],
    hidden,
    dtype,
    group,
    numerics: {
      ...segment.numerics,
      accumulate: 'unspecified',
      reduceOrder: 'unspecified',
      hopRounding: 'unspecified',
    },
  };
}

/**
 * Compares what a plan records of its steps with what their kernels offer: each kernel exists, admits the launches of
 * its segment, and offers the recorded parameters; joined as a plan joins them, the offers give the recorded numerics
 * and deviations. Sites and plain all-reduces alike.
 */
export function compareOffers(plan: Plan, kernels: GivenKernels): OfferVerification[] {
  const classes = new Map(plan.classes.map((site) => [site.id, site]));
  return [
    ...plan.decisions.flatMap(({ class: id, segments }) => {
      const site = classes.get(id);
      if (!site) return [];
      const offers = new ClassOffers(plan, site, kernels);
      return segments.map((segment) => offers.compare(segment));
    }),
    ...(plan.plain ?? []).flatMap((plain) =>
      plain.segments.map((segment) =>
        new ClassOffers(plan, plainSite(plain, segment), kernels).compare(segment),
      ),
    ),
  ];
}

/** Backends of the plan that are given in another version than it was made with. */
export function otherVersions(plan: Plan, { backends }: GivenKernels): string[] {
  return plan.backends.flatMap(({ name, version }) => {
    const found = backends.get(name)?.version;
    return found === undefined || found === version
      ? []
      : [
          `The plan was made with ${name} ${version}, its offers are compared with those of ${found}.`,
        ];
  });
}
