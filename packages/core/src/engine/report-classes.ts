import {
  type CellSite,
  type LaunchMode,
  type PlainClass,
  type Plan,
  type ThresholdTable,
  UsageError,
} from '@arfuse/contract';
import type { EngineScope } from '@arfuse/engines';
import { launchSpans } from '../candidates/launches.ts';
import { tableEvidence } from '../evidence/index.ts';
import { plainNumerics } from '../plan/plain-classes.ts';
import { ChainTimes } from './chain-times.ts';
import type { TokenMix } from './report-types.ts';

/** A class with everything that its times depend on. */
export interface ReportClass {
  readonly id: string;
  readonly site: CellSite;
  readonly ops: number;
  readonly scope: EngineScope;
  readonly times: ChainTimes;
}

/** A launch size. */
export interface Launch {
  readonly tokens: number;
  readonly mode: LaunchMode;
  readonly share: number;
}

/** Classes and plain all-reduces that a step runs. */
export function classesOf(plan: Plan, tables: readonly ThresholdTable[]): ReportClass[] {
  const source = tableEvidence(tables);
  const made = (site: CellSite, ops: number): ReportClass => {
    const group = plan.groups[site.group]!;
    return {
      id: site.id,
      site,
      ops,
      scope: { site, target: plan.target, group, groupName: group.name },
      times: new ChainTimes(source, site, plan.target, group),
    };
  };
  const ops = new Map(plan.decisions.map((decision) => [decision.class, decision.sites.length]));
  const plain = (plan.plain ?? []).map((entry) => {
    const { id, group, hidden, dtype, allReduces } = entry;
    const site: PlainClass = {
      id,
      pattern: 'all_reduce',
      stages: [{ kind: 'all_reduce' }],
      outputs: ['all_reduce'],
      hidden,
      dtype,
      group,
      numerics: plainNumerics,
    };
    return made(site, allReduces.length);
  });
  return [...plan.classes.map((site) => made(site, ops.get(site.id) ?? 0)), ...plain].filter(
    (entry) => entry.ops > 0,
  );
}

/** Launch sizes with their shares: those of the mix, or every bucket and a few sizes beyond the last. */
export function launchesOf({ target }: Plan, mix: TokenMix | undefined): Launch[] {
  const spans = launchSpans(target);
  const found = new Map<number, { mode: LaunchMode; weight: number }>();
  const add = (tokens: number, weight: number): void => {
    const span = spans.find(({ min, max }) => min <= tokens && tokens <= max);
    if (!span || !Number.isInteger(tokens) || !(weight > 0)) {
      throw new UsageError({
        message: `the token mix has ${tokens} tokens with weight ${weight}.`,
        hint: `Give token counts from 1 to ${target.tokens.max} and positive weights.`,
        details: { tokens, weight },
      });
    }
    const rows = span.padded ?? tokens;
    found.set(rows, { mode: span.mode, weight: (found.get(rows)?.weight ?? 0) + weight });
  };
  if (mix) for (const { tokens, weight } of mix) add(tokens, weight);
  else {
    for (const bucket of target.tokens.buckets) add(bucket, 1);
    const last = target.tokens.buckets.at(-1) ?? 0;
    for (let tokens = 1; tokens <= target.tokens.max; tokens *= 2)
      if (tokens > last) add(tokens, 1);
    if (target.tokens.max > last) add(target.tokens.max, 1);
  }
  const total = [...found.values()].reduce((sum, { weight }) => sum + weight, 0);
  return [...found]
    .map(([tokens, { mode, weight }]) => ({ tokens, mode, share: weight / total }))
    .sort((a, b) => a.tokens - b.tokens);
}
