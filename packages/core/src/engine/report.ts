import { type Plan, PlanError, type ThresholdTable } from '@arfuse/contract';
import { openEngine } from '@arfuse/engines';
import { formatTarget } from '../target/format-target.ts';
import { type Grid, gridOf, isFaster, LEAST_GAIN_US, sameKernels, timed } from './grid.ts';
import { classesOf, type Launch, launchesOf, type ReportClass } from './report-classes.ts';
import type {
  Advice,
  EngineReport,
  MissingRow,
  ReportLaunch,
  ReportPart,
  TimedChain,
  TokenMix,
} from './report-types.ts';
import { type Found, searchSettings } from './settings-search.ts';

/** What a report is made from, besides the plan. */
export interface EngineReportOptions {
  /** How often each token count is launched; every bucket alike by default. */
  readonly mix?: TokenMix;
  /** Tables in addition to the built-in ones. */
  readonly tables?: readonly ThresholdTable[];
}

function adviceOf(
  found: Found | undefined,
  today: Grid,
  classes: readonly ReportClass[],
  launches: readonly Launch[],
): Advice | null {
  if (!found || found.gain.us < LEAST_GAIN_US) return null;
  const perOp = classes.flatMap(({ id }, c) =>
    launches.flatMap(({ tokens }, l) => {
      const [a, b] = [today[c]![l]!, found.grid[c]![l]!];
      if (sameKernels(a, b) || a.us === null || b.us === null) return [];
      const evidence = [a, b]
        .map(({ evidence: e }) => `${e!.kind}${e!.table ? ` ${e!.table}` : ''}`)
        .join(' against ');
      return [{ tokens, class: id, savedUs: a.us - b.us, evidence }];
    }),
  );
  return {
    changes: found.variant.changes.map(({ lever, from, to }) => ({
      where: lever.where,
      name: lever.name,
      from,
      to,
      sentence: lever.sentence,
      citation: lever.citation,
    })),
    savedUs: found.gain.us,
    perOp,
  };
}

/** What the plan itself chose at a launch size, as a chain. */
function plannedChain(plan: Plan, entry: ReportClass, launch: Launch): TimedChain | undefined {
  const segments =
    plan.decisions.find((decision) => decision.class === entry.id)?.segments ??
    plan.plain?.find(({ id }) => id === entry.id)?.segments;
  const segment = segments?.find(
    ({ tokens: [min, max] }) => min <= launch.tokens && launch.tokens <= max,
  );
  if (!segment) return undefined;
  const [first] = segment.steps;
  return timed(entry, launch, segment.steps, (first?.covers.length ?? 0) > 1, segment.reason);
}

const faster = (a: TimedChain, b: TimedChain | undefined): TimedChain =>
  b !== undefined && isFaster(b, a) ? b : a;

const sum = (parts: readonly ReportPart[], of: (part: ReportPart) => TimedChain): number | null =>
  parts.reduce<number | null>((total, part) => {
    const { us } = of(part);
    return total === null || us === null ? null : total + us * part.ops;
  }, 0);

function missingRows(
  plan: Plan,
  classes: readonly ReportClass[],
  launches: readonly ReportLaunch[],
): MissingRow[] {
  const found = new Map<string, MissingRow & { classes: string[]; tokens: number[] }>();
  for (const { id, site, scope } of classes) {
    for (const { tokens, mode, parts } of launches) {
      const part = parts.find((entry) => entry.class === id)!;
      for (const { us, kernels } of [part.today, part.advised, part.best]) {
        if (us !== null) continue;
        const key = [
          site.pattern,
          site.hidden,
          site.dtype,
          scope.group.size,
          scope.group.nodes,
          mode,
          ...kernels,
        ].join(' ');
        const row = found.get(key) ?? {
          classes: [] as string[],
          pattern: site.pattern,
          hidden: site.hidden,
          dtype: site.dtype,
          sku: plan.target.sku,
          groupSize: scope.group.size,
          nodes: scope.group.nodes,
          multicast: plan.target.multicast,
          mode,
          kernels,
          tokens: [] as number[],
        };
        found.set(key, row);
        if (!row.classes.includes(id)) row.classes.push(id);
        if (!row.tokens.includes(tokens)) row.tokens.push(tokens);
      }
    }
  }
  return [...found.values()];
}

/** What is faster than everything that settings reach, in sentences. */
function outOfReach(launches: readonly ReportLaunch[]): string[] {
  const found = new Map<string, number[]>();
  for (const { tokens, parts } of launches) {
    for (const { class: id, best, advised } of parts) {
      if (sameKernels(best, advised) || !isFaster(best, advised)) continue;
      const key = `${id}: ${best.kernels.join(' + ')} would beat ${advised.kernels.join(' + ')}`;
      found.set(key, [...(found.get(key) ?? []), tokens]);
    }
  }
  return [...found].map(
    ([what, tokens]) =>
      `${what} at ${tokens.length > 1 ? `${tokens[0]} to ${tokens.at(-1)}` : tokens[0]} tokens, and no one setting of this engine reaches it there without losing more elsewhere; rows of its own table could.`,
  );
}

/**
 * Reports what the plan's engine does at every launch size, what would be best, and which settings bring it there.
 * Settings that the user gave stay; others are tried in combination, and a combination that would change a launch to or
 * from kernels without a time is not advised, nor a gain within the default margin. Deterministic.
 *
 * @param plan - made with an engine
 * @throws PlanError for a plan without one; UsageError for a mix outside of the target's tokens
 */
export function engineReport(plan: Plan, options: EngineReportOptions = {}): EngineReport {
  const { engine: named } = plan;
  if (!named) {
    throw new PlanError({
      message: 'the plan was made without an engine.',
      hint: 'Plan again with an engine, e.g. --engine vllm@0.33.',
    });
  }
  const engine = openEngine(named.id, named.settings);
  const classes = classesOf(plan, options.tables ?? []);
  const points = launchesOf(plan, options.mix);
  const today = gridOf(engine, classes, points);
  const found = searchSettings(engine, today, classes, points, plan.target);
  const advised = found.find(({ gain }) => gain.unknown === 0 && gain.us >= LEAST_GAIN_US);
  const launches = points.map(({ tokens, mode, share }, l): ReportLaunch => {
    const parts = classes.map((entry, c): ReportPart => {
      const now = today[c]![l]!;
      const then = advised?.grid[c]?.[l] ?? now;
      const reached = found.reduce(
        (best, { grid }) => faster(best, grid[c]![l]!),
        then.us !== null && now.us !== null && then.us < now.us ? then : now,
      );
      const best = faster(reached, plannedChain(plan, entry, points[l]!));
      return { class: entry.id, ops: entry.ops, today: now, advised: then, best };
    });
    return {
      tokens,
      mode,
      share,
      parts,
      todayUs: sum(parts, (part) => part.today),
      advisedUs: sum(parts, (part) => part.advised),
      bestUs: sum(parts, (part) => part.best),
    };
  });
  const compared = launches.filter(({ todayUs, bestUs }) => todayUs !== null && bestUs !== null);
  const weighted = (of: (launch: ReportLaunch) => number | null): number | null => {
    const share = compared.reduce((total, launch) => total + launch.share, 0);
    return share === 0
      ? null
      : compared.reduce((total, launch) => total + (of(launch) ?? 0) * launch.share, 0) / share;
  };
  return {
    engine: named.id,
    release: named.release,
    target: formatTarget(plan.target),
    settings: named.settings,
    assumptions: named.assumptions,
    warnings: named.warnings,
    sites: { total: plan.summary.sites, fused: plan.summary.engineFused ?? 0 },
    launches,
    total: {
      todayUs: weighted((launch) => launch.todayUs),
      advisedUs: weighted((launch) => launch.advisedUs),
      bestUs: weighted((launch) => launch.bestUs),
      compared: [compared.length, launches.length],
    },
    advice: adviceOf(advised, today, classes, points),
    outOfReach: outOfReach(launches),
    missing: missingRows(plan, classes, launches),
    measureWith: null,
  };
}
