import {
  type EngineMatch,
  itemsize,
  type Plan,
  type PlanDecision,
  type SiteClass,
} from '@arfuse/contract';
import type { PlanExport } from '../plan-export.ts';
import { entryOf, lastOneShotRows, ONE_SHOT, rowBytes, TWO_SHOT } from './fused-form.ts';
import { isFused } from './fused-step.ts';
import { allReduceGaps, coverGaps, formGaps, launchGaps, prefixGaps } from './gaps.ts';
import { matchVllm } from './matching.ts';
import { fusionMaxSizeMb } from './max-size.ts';
import { type ChosenLimit, chooseLimit, type TokenWeight } from './prefix.ts';
import { recordedTimes, type VllmTimes } from './recorded-times.ts';
import { tableRows, type VllmTableRows } from './table-rows.ts';
import {
  releasesWithFieldsOf,
  type VllmRelease,
  type VllmVersion,
  vllmRelease,
} from './versions.ts';

/** vLLM's `--compilation-config`, as far as an export writes it. */
export interface VllmCompilationConfig {
  readonly pass_config: {
    readonly fuse_allreduce_rms: boolean;
    /** MiB of `tokens * hidden * itemsize`, inclusive. */
    readonly fi_allreduce_fusion_max_size_mb?: number;
    /** Up to vLLM 0.31 only: sequence parallelism would replace the all-reduces that the plan decides about. */
    readonly enable_sp?: false;
  };
  /** Row counts at which vLLM starts another compiled range. */
  readonly compile_ranges_endpoints?: readonly number[];
}

/** Which vLLM release is written for, and what is known of times. */
export interface VllmExportOptions {
  /** vLLM release; the plan's target engine when that is vLLM, else 0.33. */
  readonly engineVersion?: string;
  /** Times of both alternatives, in microseconds per site; asked before the times that the plan records. */
  readonly times?: VllmTimes;
  /** How often each row count is launched; every row count whose times are known alike when left out. */
  readonly mix?: readonly TokenWeight[];
}

/** A plan as vLLM configuration. */
export interface VllmExport extends PlanExport {
  readonly target: 'vllm';
  readonly engineVersion: VllmVersion;
  readonly config: VllmCompilationConfig;
  /** Environment variables that the launch needs; empty when none. */
  readonly env: Readonly<Record<string, string>>;
  /** Largest fused row count; 0 when nothing is fused. */
  readonly fusedUpTo: number;
  /** One sentence: why this limit. */
  readonly limitReason: string;
  /** Rows of vLLM's own tables that say the same; absent where nothing is fused. */
  readonly table?: VllmTableRows;
}

function versionOf(plan: Plan, options: VllmExportOptions): string {
  if (options.engineVersion !== undefined) return options.engineVersion;
  const [, named] = /^vllm@(.+)$/.exec(plan.target.engine ?? '') ?? [];
  return named ?? '0.33';
}

/** A class of which vLLM fuses the all-reduce with a norm. */
interface Fusable {
  readonly site: SiteClass;
  readonly match: EngineMatch;
}

/** Classes that vLLM fuses, by id, and sentences for those that it does not. */
function fusable(
  plan: Plan,
  release: VllmRelease,
): { found: Map<string, Fusable>; reasons: string[] } {
  const found = new Map<string, Fusable>();
  const reasons: string[] = [];
  for (const site of plan.classes) {
    const group = plan.groups[site.group];
    const match = matchVllm(site, release, plan.target.capability);
    const against = match.fused ? [] : [...match.reasons];
    if (!group || !release.groupSizes.includes(group.size)) {
      against.push(
        `its group has ${group?.size ?? 'no known number of'} ranks; vLLM fuses groups of ${release.groupSizes.join(', ')}.`,
      );
    }
    if (against.length === 0) found.set(site.id, { site, match });
    else reasons.push(...against.map((reason) => `${site.id} (${site.pattern}): ${reason}`));
  }
  return { found, reasons };
}

/** The widest rows of the classes' groups: vLLM divides its limit by the wider hidden size of target and draft. */
function widestOf(plan: Plan, classes: readonly SiteClass[]): SiteClass | undefined {
  const groups = new Set(classes.map(({ group }) => group));
  return plan.classes
    .filter(({ group }) => groups.has(group))
    .reduce<SiteClass | undefined>(
      (best, site) => (best && rowBytes(best) >= rowBytes(site) ? best : site),
      undefined,
    );
}

/** vLLM drops an endpoint of 1, and makes its own from the target model's rows, which may be the narrower ones. */
function hiddenGaps(classes: readonly SiteClass[], widest: number, upTo: number): string[] {
  if (upTo !== 1) return [];
  return classes
    .filter((site) => rowBytes(site) < widest)
    .map(
      (site) =>
        `${site.id}: its rows have ${rowBytes(site)} bytes, others ${widest}; where these are the target model's, vLLM's first compiled range ends above 1 token and nothing is fused.`,
    );
}

/** vLLM fuses in its tensor-parallel group alone. */
function groupGaps(classes: readonly SiteClass[], plan: Plan): string[] {
  const groups = [...new Set(classes.map(({ group }) => group))];
  if (groups.length < 2) return [];
  const names = groups.map((group) => JSON.stringify(plan.groups[group]!.name)).join(', ');
  return [
    `The plan fuses in ${groups.length} groups (${names}); vLLM fuses in its tensor-parallel group only.`,
  ];
}

function configOf(
  upTo: number,
  plan: Plan,
  release: VllmRelease,
  widest: SiteClass | undefined,
): VllmCompilationConfig {
  const parallel = release.passConfig.includes('enable_sp') ? { enable_sp: false as const } : {};
  if (upTo === 0 || !widest) return { pass_config: { fuse_allreduce_rms: false, ...parallel } };
  return {
    pass_config: {
      fuse_allreduce_rms: true,
      fi_allreduce_fusion_max_size_mb: fusionMaxSizeMb(upTo, widest.hidden, itemsize(widest.dtype)),
      ...parallel,
    },
    ...(upTo > 1 && upTo < plan.target.tokens.max ? { compile_ranges_endpoints: [upTo] } : {}),
  };
}

/** Where multicast works vLLM prefers FlashInfer's mnnvl kernels; a plan names the trtllm ones. */
function envOf(upTo: number, plan: Plan): Record<string, string> {
  return upTo > 0 && plan.target.multicast ? { VLLM_FLASHINFER_ALLREDUCE_BACKEND: 'trtllm' } : {};
}

function backendGaps(env: Readonly<Record<string, string>>): string[] {
  return Object.keys(env).length === 0
    ? []
    : [
        "VLLM_FLASHINFER_ALLREDUCE_BACKEND=trtllm holds for vLLM's plain FlashInfer all-reduces too; vLLM has no setting for the fused ones alone.",
      ];
}

function limitGaps({ exact, timed, reason }: ChosenLimit): string[] {
  return exact || timed ? [] : [reason];
}

/**
 * The vLLM configuration that comes nearest to a plan. vLLM can say one thing: fuse all-reduce + RMSNorm up to so many
 * tokens, for every layer alike, one-shot or two-shot by its own table. A plan that says more exports the limit of
 * least expected time under these rules, with the times of `options.times` and of the plan. Only fields that the
 * release has are written.
 * @throws UnsupportedError for a vLLM release whose fields are not known
 */
export function exportVllm(plan: Plan, options: VllmExportOptions = {}): VllmExport {
  const release = vllmRelease(versionOf(plan, options));
  const { found, reasons } = fusable(plan, release);
  const classes = [...found.values()].map(({ site }) => site);
  const byId = new Map(classes.map((site) => [site.id, site]));
  const decisions = plan.decisions.filter((decision) => byId.has(decision.class));
  const recorded = recordedTimes(plan);
  const times: VllmTimes = (launch) => options.times?.(launch) ?? recorded(launch);
  const mix = options.mix ? { mix: options.mix } : {};
  const lastOneShot = (id: string): number => {
    const site = byId.get(id)!;
    const size = plan.groups[site.group]!.size;
    return lastOneShotRows(site, entryOf(release.oneShotMiB, plan.target.capability, size));
  };
  const limit = chooseLimit({
    decisions,
    kernelAt: (id, tokens) => (tokens <= lastOneShot(id) ? ONE_SHOT : TWO_SHOT),
    times,
    ...mix,
  });
  const upTo = limit.tokens;
  const widest = widestOf(plan, classes);
  const config = configOf(upTo, plan, release, widest);
  const env = envOf(upTo, plan);
  const groupSize = widest ? plan.groups[widest.group]!.size : 0;
  const table = widest
    ? tableRows({ plan, release, groupSize, decisions, classes: byId, times, ...mix })
    : undefined;
  return {
    target: 'vllm',
    engineVersion: release.version,
    config,
    env,
    text: [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      `--compilation-config '${JSON.stringify(config)}'`,
    ].join('\n'),
    files: [
      { name: 'compilation-config.json', text: `${JSON.stringify(config, null, 2)}\n` },
      ...(table ? [{ name: 'vllm-table-rows.py', text: table.text }] : []),
    ],
    fusedUpTo: upTo,
    limitReason: limit.reason,
    ...(table ? { table } : {}),
    cannotExpress: [
      ...reasons,
      ...elsewhere(plan.decisions, byId),
      ...decisions.flatMap((decision) => coverGaps(decision, found.get(decision.class)!.match)),
      ...limitGaps(limit),
      ...hiddenGaps(classes, widest ? rowBytes(widest) : 0, upTo),
      ...decisions.flatMap((decision) => prefixGaps(decision, upTo)),
      ...decisions.flatMap((decision) => formGaps(decision, upTo, lastOneShot(decision.class))),
      ...(upTo > 0 ? launchGaps(decisions) : []),
      ...backendGaps(env),
      ...groupGaps(classes, plan),
      ...plan.decisions.flatMap((decision) => allReduceGaps(decision.class, decision.segments)),
      ...(plan.plain ?? []).flatMap((plain) => allReduceGaps(plain.id, plain.segments)),
    ],
    validFor: validFor(plan, release, widest),
  };
}

/** Classes that the plan fuses and vLLM does not. */
function elsewhere(
  decisions: readonly PlanDecision[],
  fused: ReadonlyMap<string, SiteClass>,
): string[] {
  return decisions
    .filter((decision) => !fused.has(decision.class) && decision.segments.some(isFused))
    .map((decision) => `${decision.class}: the plan fuses it, and vLLM does not.`);
}

function validFor(plan: Plan, release: VllmRelease, widest: SiteClass | undefined): string {
  const versions = releasesWithFieldsOf(release).join(', ');
  const box = `vLLM ${versions} (which have these fields), compute capability ${plan.target.capability / 10}`;
  if (!widest) return `${box}; the plan has nothing that vLLM can fuse.`;
  const size = plan.groups[widest.group]?.size;
  return `${box}, tensor parallel size ${size}, hidden size ${widest.hidden} in ${widest.dtype}, no draft model with wider rows, --max-num-batched-tokens up to ${plan.target.tokens.max}.`;
}
