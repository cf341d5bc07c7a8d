import type { EngineMatch, PlanDecision, PlanSegment } from '@arfuse/contract';
import { fusedKernel, fusedStep, isFused } from './fused-step.ts';

const range = ([min, max]: readonly [number, number]): string =>
  min === max ? `${min}` : `${min} to ${max}`;

const kernelsOf = ({ steps }: PlanSegment): string => steps.map(({ kernel }) => kernel).join(' + ');

/** A kernel's own name, e.g. `one-shot`. */
const formName = (kernel: string): string => kernel.slice(kernel.lastIndexOf('/') + 1);

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

/** Sentences for fused kernels that perform other stages than vLLM's fused op, with vLLM's reasons. */
export function coverGaps({ class: id, segments }: PlanDecision, match: EngineMatch): string[] {
  const taken = match.covers.join(', ');
  const planned = new Set(
    segments.flatMap((segment) => fusedStep(segment)?.covers.join(', ') ?? []),
  );
  planned.delete(taken);
  if (planned.size === 0) return [];
  return [
    ...[...planned].map(
      (covers) => `${id}: the plan's fused kernel performs ${covers}; vLLM's performs ${taken}.`,
    ),
    ...match.reasons.map((reason) => `${id}: ${reason}`),
  ];
}

/** Sentences for fused ranges whose form vLLM chooses otherwise: one-shot up to `lastOneShot` rows, two-shot above. */
export function formGaps(decision: PlanDecision, upTo: number, lastOneShot: number): string[] {
  return runs(decision.segments).flatMap((segment) => {
    const planned = fusedKernel(segment);
    const [min, max] = [segment.tokens[0], Math.min(segment.tokens[1], upTo)];
    if (planned === undefined || min > max) return [];
    const form = formName(planned);
    const [from, to] =
      form === 'one-shot'
        ? [Math.max(min, lastOneShot + 1), max]
        : [min, Math.min(max, lastOneShot)];
    if (from > to) return [];
    return [
      `${decision.class}: the plan takes FlashInfer's ${form} form for ${range([from, to])} tokens; vLLM takes ${form === 'one-shot' ? 'two-shot' : 'one-shot'} there by its own table, and has no setting for it.`,
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
