import {
  itemsize,
  type Plan,
  type PlanDecision,
  type PlanSegment,
  type SiteClass,
} from '@arfuse/contract';
import { isFused } from './prefix.ts';
import type { VllmRelease } from './versions.ts';

const MIB = 2 ** 20;

const range = ([min, max]: readonly [number, number]): string =>
  min === max ? `${min}` : `${min} to ${max}`;

const kernelsOf = ({ steps }: PlanSegment): string => steps.map(({ kernel }) => kernel).join(' + ');

/** Runs of neighbouring segments with equal kernels, so that one sentence speaks for a run. */
function runs(segments: readonly PlanSegment[]): PlanSegment[] {
  const found: PlanSegment[] = [];
  for (const segment of segments) {
    const last = found.at(-1);
    if (
      last &&
      kernelsOf(last) === kernelsOf(segment) &&
      last.tokens[1] + 1 === segment.tokens[0]
    ) {
      found[found.length - 1] = { ...last, tokens: [last.tokens[0], segment.tokens[1]] };
    } else found.push(segment);
  }
  return found;
}

/** Sentences for token ranges in which vLLM, fusing up to `upTo`, does something else than the plan. */
export function prefixGaps(decision: PlanDecision, upTo: number): string[] {
  return runs(decision.segments).flatMap((segment) => {
    const [min, max] = segment.tokens;
    const fused = isFused(segment);
    if (fused && max > upTo) {
      return [
        `${decision.class}: the plan fuses ${range([Math.max(min, upTo + 1), max])} tokens; vLLM fuses one range that starts at 1${upTo > 0 ? `, here up to ${upTo}` : ''}.`,
      ];
    }
    if (!fused && min <= upTo) {
      return [
        `${decision.class}: the plan leaves ${range([min, Math.min(max, upTo)])} tokens unfused (${kernelsOf(segment)}); vLLM fuses everything up to ${upTo}.`,
      ];
    }
    return [];
  });
}

/** Sentences for fused ranges whose form vLLM chooses otherwise by its own table. */
export function shotGaps(
  decision: PlanDecision,
  site: SiteClass,
  plan: Plan,
  upTo: number,
  release: VllmRelease,
): string[] {
  const size = plan.groups[site.group]?.size ?? 0;
  const limit = release.oneShotMiB[plan.target.capability]?.[size];
  const row = site.hidden * itemsize(site.dtype);
  // Without an entry in its table vLLM takes the one-shot form at every size.
  const lastOneShot =
    limit === undefined ? Number.POSITIVE_INFINITY : Math.floor((limit * MIB) / row);
  return runs(decision.segments).flatMap((segment) => {
    const [min, max] = [segment.tokens[0], Math.min(segment.tokens[1], upTo)];
    if (!isFused(segment) || min > max) return [];
    const oneShot = segment.steps.some(({ kernel }) => kernel === '@arfuse/flashinfer/one-shot');
    const [from, to] = oneShot
      ? [Math.max(min, lastOneShot + 1), max]
      : [min, Math.min(max, lastOneShot)];
    if (from > to) return [];
    const [planned, taken] = oneShot ? ['one-shot', 'two-shot'] : ['two-shot', 'one-shot'];
    return [
      `${decision.class}: the plan takes FlashInfer's ${planned} form for ${range([from, to])} tokens; vLLM takes ${taken} there by its own table, and has no setting for it.`,
    ];
  });
}

/** Sentences for unfused ranges whose all-reduce vLLM picks itself. */
export function allReduceGaps(name: string, segments: readonly PlanSegment[]): string[] {
  return runs(segments).flatMap((segment) => {
    if (isFused(segment)) return [];
    return segment.steps
      .filter(
        ({ kernel, covers }) =>
          covers.includes('all_reduce') && kernel !== '@arfuse/nccl/all-reduce',
      )
      .map(
        ({ kernel }) =>
          `${name}: the plan runs the all-reduce of ${range(segment.tokens)} tokens by ${kernel}; vLLM picks its plain all-reduce by its own dispatch, not by this configuration.`,
      );
  });
}

/** Sentences for launch parameters of fused steps that vLLM fixes. */
export function launchGaps(decisions: readonly PlanDecision[]): string[] {
  const off = decisions.some(({ segments }) =>
    segments.some(
      (segment) => isFused(segment) && segment.steps.some(({ params }) => params.pdl === false),
    ),
  );
  return off
    ? [
        "The plan launches FlashInfer's kernels without programmatic dependent launch; vLLM always launches with it.",
      ]
    : [];
}
