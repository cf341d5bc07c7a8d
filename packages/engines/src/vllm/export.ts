import { itemsize, type Plan, type SiteClass } from '@arfuse/contract';
import { allReduceGaps, launchGaps, prefixGaps, shotGaps } from './gaps.ts';
import { matchVllm } from './matching.ts';
import { fusionMaxSizeMb } from './max-size.ts';
import { cheapestPrefix, isFused, longestPrefix, type VllmTimes } from './prefix.ts';
import { type VllmRelease, type VllmVersion, vllmRelease } from './versions.ts';

/** vLLM's `--compilation-config`, as far as an export writes it. */
export interface VllmCompilationConfig {
  readonly pass_config: {
    readonly fuse_allreduce_rms: boolean;
    /** MiB of `tokens * hidden * itemsize`, inclusive. */
    readonly fi_allreduce_fusion_max_size_mb?: number;
  };
  /** Row counts at which vLLM starts another compiled range. */
  readonly compile_ranges_endpoints?: readonly number[];
}

/** Which vLLM release is written for, and what is known of times. */
export interface VllmExportOptions {
  /** vLLM release; the plan's target engine when that is vLLM, else 0.33. */
  readonly engineVersion?: string;
  /** Times of both alternatives; with them the prefix of least expected time is chosen, else the longest one. */
  readonly times?: VllmTimes;
}

/** A plan as vLLM configuration. */
export interface VllmExport {
  readonly engineVersion: VllmVersion;
  readonly config: VllmCompilationConfig;
  /** Command-line flag with the configuration. */
  readonly text: string;
  /** Largest fused row count; 0 when nothing is fused. */
  readonly fusedUpTo: number;
  /** Sentences: what the plan says and vLLM cannot be told. */
  readonly cannotExpress: readonly string[];
  /** One sentence: for which launch the configuration means what the plan says. */
  readonly validFor: string;
}

function versionOf(plan: Plan, options: VllmExportOptions): string {
  if (options.engineVersion !== undefined) return options.engineVersion;
  const [, named] = /^vllm@(.+)$/.exec(plan.target.engine ?? '') ?? [];
  return named ?? '0.33';
}

/** Classes that vLLM can fuse as a whole, and sentences for the others. */
function fusable(plan: Plan, release: VllmRelease): { classes: SiteClass[]; reasons: string[] } {
  const classes: SiteClass[] = [];
  const reasons: string[] = [];
  for (const site of plan.classes) {
    const group = plan.groups[site.group];
    const match = matchVllm(site, release, plan.target.capability);
    const found = [...match.reasons];
    if (!group || !release.groupSizes.includes(group.size)) {
      found.push(
        `its group has ${group?.size ?? 'no known number of'} ranks; vLLM fuses groups of ${release.groupSizes.join(', ')}.`,
      );
    }
    if (found.length === 0) classes.push(site);
    else reasons.push(...found.map((reason) => `${site.id} (${site.pattern}): ${reason}`));
  }
  return { classes, reasons };
}

/** Rows of different sizes share one limit in bytes; vLLM divides it by the model's hidden size. */
function hiddenGaps(classes: readonly SiteClass[], row: number): string[] {
  return classes
    .filter((site) => site.hidden * itemsize(site.dtype) !== row)
    .map(
      (site) =>
        `${site.id}: its rows have ${site.hidden * itemsize(site.dtype)} bytes, others ${row}; vLLM counts tokens of the model's hidden size for all of them.`,
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

function configOf(upTo: number, plan: Plan, hidden: number, bytes: number): VllmCompilationConfig {
  if (upTo === 0) return { pass_config: { fuse_allreduce_rms: false } };
  return {
    pass_config: {
      fuse_allreduce_rms: true,
      fi_allreduce_fusion_max_size_mb: fusionMaxSizeMb(upTo, hidden, bytes),
    },
    ...(upTo > 1 && upTo < plan.target.tokens.max ? { compile_ranges_endpoints: [upTo] } : {}),
  };
}

/**
 * The vLLM configuration that comes nearest to a plan. vLLM can say one thing: fuse all-reduce + RMSNorm up to so many
 * tokens, for every layer alike. Only fields that the release has are written.
 * @throws UnsupportedError for a vLLM release whose fields are not known
 */
export function exportVllm(plan: Plan, options: VllmExportOptions = {}): VllmExport {
  const release = vllmRelease(versionOf(plan, options));
  const { classes, reasons } = fusable(plan, release);
  const ids = new Set(classes.map(({ id }) => id));
  const decisions = plan.decisions.filter((decision) => ids.has(decision.class));
  const upTo =
    (options.times && cheapestPrefix(decisions, options.times)) ?? longestPrefix(decisions);
  // The target model's widest rows: vLLM divides its limit by one hidden size.
  const widest = classes.reduce<SiteClass | undefined>(
    (best, site) => (best && best.hidden >= site.hidden ? best : site),
    undefined,
  );
  const hidden = widest?.hidden ?? 0;
  const bytes = widest ? itemsize(widest.dtype) : 0;
  const config = configOf(upTo, plan, hidden, bytes);
  const fusedElsewhere = plan.decisions
    .filter((decision) => !ids.has(decision.class) && decision.segments.some(isFused))
    .map((decision) => `${decision.class}: the plan fuses it, and vLLM cannot as a whole.`);
  return {
    engineVersion: release.version,
    config,
    text: `--compilation-config '${JSON.stringify(config)}'`,
    fusedUpTo: upTo,
    cannotExpress: [
      ...reasons,
      ...fusedElsewhere,
      ...hiddenGaps(classes, hidden * bytes),
      ...decisions.flatMap((decision) => prefixGaps(decision, upTo)),
      ...decisions.flatMap((decision) =>
        shotGaps(decision, classes.find(({ id }) => id === decision.class)!, plan, upTo, release),
      ),
      ...(upTo > 0 ? launchGaps(decisions) : []),
      ...groupGaps(classes, plan),
      ...plan.decisions.flatMap((decision) => allReduceGaps(decision.class, decision.segments)),
      ...(plan.plain ?? []).flatMap((plain) => allReduceGaps(plain.id, plain.segments)),
    ],
    validFor: validFor(plan, release, widest),
  };
}

function validFor(plan: Plan, release: VllmRelease, widest: SiteClass | undefined): string {
  const box = `vLLM ${release.version}, compute capability ${plan.target.capability / 10}`;
  if (!widest) return `${box}; the plan has nothing that vLLM can fuse.`;
  const size = plan.groups[widest.group]?.size;
  return `${box}, tensor parallel size ${size}, hidden size ${widest.hidden} in ${widest.dtype}, no draft model with wider rows, --max-num-batched-tokens up to ${plan.target.tokens.max}.`;
}
