import type { Plan, PlanDecision, SiteClass } from '@arfuse/contract';
import { entryOf, ONE_SHOT, rowBytes, TWO_SHOT } from './fused-form.ts';
import { fusedKernel } from './fused-step.ts';
import { type ChosenLimit, chooseLimit, type TokenWeight } from './prefix.ts';
import type { VllmTimes } from './recorded-times.ts';
import type { VllmRelease } from './versions.ts';

const MIB = 2 ** 20;

/**
 * A plan as rows of vLLM's own tables, for a pull request there. Rows are keyed by capability and group size alone, so
 * they hold for every model on such a box.
 */
export interface VllmTableRows {
  /** Compute capability ×10. */
  readonly capability: number;
  readonly groupSize: number;
  /** Row of `FI_ALLREDUCE_FUSION_MAX_SIZE_MB`: MiB of `tokens * hidden * itemsize`, inclusive. */
  readonly fusedMiB: number;
  /** Row of `_FI_ALLREDUCE_ONE_SHOT_MAX_SIZES_MB`: MiB up to which the one-shot form is taken, inclusive. */
  readonly oneShotMiB: number;
  /** The rows as they are in the release; absent where it has none. */
  readonly today: { readonly fusedMiB?: number; readonly oneShotMiB?: number };
  /** Sentences: by class, what the rows rest on. */
  readonly evidence: readonly string[];
  /** The rows as Python, with their evidence as comments. */
  readonly text: string;
}

/** What table rows are made from. */
export interface TableQuestion {
  readonly plan: Plan;
  readonly release: VllmRelease;
  readonly groupSize: number;
  /** Decisions of the classes that vLLM fuses. */
  readonly decisions: readonly PlanDecision[];
  readonly classes: ReadonlyMap<string, SiteClass>;
  readonly times: VllmTimes;
  readonly mix?: readonly TokenWeight[];
}

/**
 * Bytes up to which the one-shot form is taken: up to the first planned two-shot launch of any class; without one, as far
 * as one-shot launches are planned or the release's own row goes.
 */
function oneShotBytes({ decisions, classes }: TableQuestion, todayMiB: number | undefined): number {
  const bounds = (kernel: string, end: 0 | 1): number[] =>
    decisions.flatMap(({ class: id, segments }) =>
      segments
        .filter((segment) => fusedKernel(segment) === kernel)
        .map(({ tokens }) => (tokens[end] + end - 1) * rowBytes(classes.get(id)!)),
    );
  const twoShot = bounds(TWO_SHOT, 0);
  if (twoShot.length > 0) return Math.min(...twoShot);
  return Math.max((todayMiB ?? 0) * MIB, ...bounds(ONE_SHOT, 1));
}

function evidenceOf(
  { plan, decisions, classes }: TableQuestion,
  { tokens: upTo, exact, reason }: ChosenLimit,
): string[] {
  const sentences = decisions.flatMap(({ class: id, segments }) => {
    const site = classes.get(id)!;
    const last = segments.findLast(
      (segment) => fusedKernel(segment) !== undefined && segment.tokens[0] <= upTo,
    );
    if (!last) return [];
    const { kind, table, us, note } = last.evidence;
    const source = [kind, table, us === undefined ? undefined : `${us.toFixed(2)} µs`]
      .filter((part) => part !== undefined)
      .join(', ');
    const size = (last.tokens[1] * rowBytes(site)) / MIB;
    return [
      `${site.pattern}, hidden ${site.hidden} in ${site.dtype}, ${last.tokens[1]} tokens (${size} MiB) on ${plan.target.sku}: ${source}; ${note}`,
    ];
  });
  return [...new Set(exact ? sentences : [...sentences, reason])];
}

const was = (mib: number | undefined): string => (mib === undefined ? 'no row' : `${mib}`);

function textOf(rows: Omit<VllmTableRows, 'text'>): string {
  const { capability, groupSize, fusedMiB, oneShotMiB, today, evidence } = rows;
  return [
    '# vllm/compilation/passes/fusion/allreduce_rms_fusion.py',
    ...evidence.map((sentence) => `# ${sentence.replaceAll(/\s+/g, ' ')}`),
    `# FI_ALLREDUCE_FUSION_MAX_SIZE_MB[${capability}], today: ${was(today.fusedMiB)}`,
    `${groupSize}: ${fusedMiB},`,
    `# _FI_ALLREDUCE_ONE_SHOT_MAX_SIZES_MB[${capability}], today: ${was(today.oneShotMiB)}`,
    `${groupSize}: ${oneShotMiB},`,
    '',
  ].join('\n');
}

/**
 * The rows that would make vLLM do what the plan says without any setting: its limit, and where its one-shot form ends.
 * Undefined where nothing is fused, which a table says by having no row.
 */
export function tableRows(question: TableQuestion): VllmTableRows | undefined {
  const { plan, release, groupSize, decisions, classes, times, mix } = question;
  const { capability } = plan.target;
  const fused = entryOf(release.fusedMiB, capability, groupSize);
  const oneShot = entryOf(release.oneShotMiB, capability, groupSize);
  const bytesOf = (id: string, tokens: number): number => tokens * rowBytes(classes.get(id)!);
  // A pull request changes both rows, so the plan's own forms decide here.
  const planned = oneShotBytes(question, oneShot);
  const limit = chooseLimit({
    decisions,
    kernelAt: (id, tokens) => (bytesOf(id, tokens) <= planned ? ONE_SHOT : TWO_SHOT),
    times,
    ...(mix ? { mix } : {}),
  });
  const { tokens: upTo } = limit;
  if (upTo === 0) return undefined;
  const fusedBytes = Math.max(...decisions.map(({ class: id }) => bytesOf(id, upTo)));
  const rows = {
    capability,
    groupSize,
    fusedMiB: fusedBytes / MIB,
    oneShotMiB: Math.min(planned, fusedBytes) / MIB,
    today: {
      ...(fused === undefined ? {} : { fusedMiB: fused }),
      ...(oneShot === undefined ? {} : { oneShotMiB: oneShot }),
    },
    evidence: evidenceOf(question, limit),
  };
  return { ...rows, text: textOf(rows) };
}
