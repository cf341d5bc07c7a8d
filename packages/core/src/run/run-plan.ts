import {
  type Plan,
  PlanError,
  placeSteps,
  type SiteClass,
  type SiteOutput,
  UsageError,
} from '@arfuse/contract';
import {
  executeSteps,
  idealSite,
  Random,
  type RefTensor,
  type SimulatedRanks,
  siteInputs,
} from '@arfuse/reference';
import { segmentFor } from '../rewrite/rewrite.ts';
import { ranksFor } from '../verify/evaluated-class.ts';
import { ulpAt } from '../verify/ulp.ts';
import { sitesOf } from './sites.ts';

/** How the chain of sites is run. */
export interface RunOptions {
  /** Rows of each launch. Default 16. */
  readonly tokens?: number;
  /** How often the whole chain of sites runs. Default 1. */
  readonly steps?: number;
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number;
  /** Ids of the sites to run; by default all. */
  readonly sites?: readonly string[];
  /** Called after each step of the chain. */
  readonly onStep?: (done: number, of: number) => void;
}

/** What one class did over all its sites and steps. */
export interface ClassRun {
  readonly class: string;
  readonly sites: number;
  readonly kernels: readonly string[];
  /** Launches of the whole composition. */
  readonly launches: number;
  /**
   * Largest distance to the real-valued function by output, in ULP of the activation dtype at the element, or at the root
   * mean square of its row where the element is smaller: near zero, where terms cancel, an element's own ULP says nothing.
   */
  readonly maxUlps: Readonly<Partial<Record<SiteOutput, number>>>;
  /** Time of the reference kernels per launch, milliseconds: median, fastest and slowest. It says nothing of a GPU. */
  readonly ms: { readonly median: number; readonly min: number; readonly max: number };
}

/** Errors and times of a run. */
export interface RunReport {
  readonly backend: 'reference';
  readonly tokens: number;
  readonly steps: number;
  readonly ranks: number;
  readonly seed: number;
  readonly classes: readonly ClassRun[];
}

const COMPARED: readonly SiteOutput[] = ['all_reduce', 'pre_norm', 'residual', 'norm'];

interface Tally {
  readonly kernels: readonly string[];
  readonly times: number[];
  readonly maxUlps: Partial<Record<SiteOutput, number>>;
}

/**
 * Executes the sites of a plan in program order over simulated ranks: the residual of a site is the sum of the site
 * before it, as in the model, and every partial is fresh. Each result is compared with the real-valued function.
 *
 * @throws PlanError when the plan decides nothing for the token count; UsageError for bad options or an unknown site
 */
export function runPlan(plan: Plan, options: RunOptions = {}): RunReport {
  const { tokens = 16, steps = 1, seed = 1 } = options;
  for (const [name, value] of Object.entries({ tokens, steps })) {
    if (!Number.isInteger(value) || value < 1 || value > 65536) {
      throw new UsageError({
        message: `${name}: ${value} cannot be run.`,
        hint: 'Use a whole number from 1 to 65536.',
      });
    }
  }
  const sites = sitesOf(plan, options.sites);
  const tallies = new Map<string, Tally>();
  const random = new Random(seed);
  for (let step = 0; step < steps; step += 1) {
    runChain(plan, sites, tokens, random.fork(`step ${step}`), tallies);
    options.onStep?.(step + 1, steps);
  }
  return {
    backend: 'reference',
    tokens,
    steps,
    seed,
    ranks: Math.max(0, ...plan.groups.map((group) => group.size)),
    classes: [...tallies].map(([id, tally]) => ({
      class: id,
      sites: sites.filter((site) => site.class === id).length,
      kernels: tally.kernels,
      launches: tally.times.length,
      maxUlps: tally.maxUlps,
      ms: spread(tally.times),
    })),
  };
}

function spread(times: readonly number[]): ClassRun['ms'] {
  const sorted = times.toSorted((a, b) => a - b);
  return {
    median: sorted[Math.floor(sorted.length / 2)] ?? 0,
    min: sorted[0] ?? 0,
    max: sorted.at(-1) ?? 0,
  };
}

function runChain(
  plan: Plan,
  sites: Plan['sites'],
  tokens: number,
  random: Random,
  tallies: Map<string, Tally>,
): void {
  const classes = new Map(plan.classes.map((site) => [site.id, site]));
  const ranks = new Map<number, SimulatedRanks>();
  let residual: RefTensor | undefined;
  for (const planSite of sites) {
    const site = classes.get(planSite.class);
    if (!site)
      throw new PlanError({
        message: `site ${planSite.id} names class "${planSite.class}", which does not exist.`,
        hint: 'Make the plan again.',
      });
    const group = ranks.get(site.group) ?? ranksFor(plan, site.group);
    ranks.set(site.group, group);
    const usable =
      residual?.shape[1] === site.hidden && residual.dtype === site.dtype ? residual : undefined;
    const inputs = siteInputs(site, random.fork(planSite.id), {
      ranks: group.count,
      rows: tokens,
      ...(usable ? { residual: usable } : {}),
    });
    const segment = segmentFor(plan, site.id, tokens);
    const placed = placeSteps(site, segment.steps).map(({ stages }) => ({
      stages,
      numerics: segment.numerics,
    }));
    const start = performance.now();
    const results = executeSteps(site, placed, inputs, group);
    const elapsed = performance.now() - start;
    const ideal = idealSite(site, inputs, group);
    let tally = tallies.get(site.id);
    if (!tally) {
      tally = { kernels: segment.steps.map((step) => step.kernel), times: [], maxUlps: {} };
      tallies.set(site.id, tally);
    }
    tally.times.push(elapsed);
    const { maxUlps } = tally;
    for (const output of COMPARED) {
      results.forEach((of, rank) => {
        const [found, expected] = [of[output], ideal[rank]?.[output]];
        if (!found || !expected) return;
        const ulps = worstUlps(site, expected.data, found.data);
        if (ulps > (maxUlps[output] ?? -1)) maxUlps[output] = ulps;
      });
    }
    // Ranks of the first group carry the residual stream on.
    residual = results[0]?.residual ?? results[0]?.all_reduce;
  }
}

function worstUlps(
  { dtype, hidden }: Pick<SiteClass, 'dtype' | 'hidden'>,
  expected: Float64Array,
  found: Float64Array,
): number {
  let worst = 0;
  for (let row = 0; row < expected.length; row += hidden) {
    let squares = 0;
    for (let i = row; i < row + hidden; i += 1) squares += expected[i]! * expected[i]!;
    const typical = Math.sqrt(squares / hidden);
    for (let i = row; i < row + hidden; i += 1) {
      const unit = ulpAt(dtype, Math.max(typical, Math.abs(expected[i]!)));
      worst = Math.max(worst, Math.abs(found[i]! - expected[i]!) / unit);
    }
  }
  return worst;
}
