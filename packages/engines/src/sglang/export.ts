import { type Plan, type PlanSegment, UnsupportedError, UsageError } from '@arfuse/contract';
import type { Engine } from '../engine.ts';
import type { PlanExport } from '../plan-export.ts';
import { openSglang } from './engine.ts';
import { launches, type SglangLaunch, settingsOf } from './export-candidates.ts';
import { type Agreement, agreementOf, type Comparison } from './export-compare.ts';
import { classGaps, launchGaps } from './export-gaps.ts';
import { plainClass } from './export-plain.ts';
import { OWN_FUSION, SGLANG } from './facts-0.5.23.ts';
import { isBlackwell, isHopper } from './host.ts';

/** Which SGLang release is written for. */
export interface SglangExportOptions {
  /** Only `0.5.23` is known; it is also the default. */
  readonly engineVersion?: string;
}

/** A plan as flags and environment variables of SGLang. */
export interface SglangExport extends PlanExport {
  readonly target: 'sglang';
  readonly engineVersion: '0.5.23';
  /** Flags of `sglang.launch_server` by name without `--`; `true` for one without a value. */
  readonly config: Readonly<Record<string, string | true>>;
  /** Environment variables that the launch needs; empty when none. */
  readonly env: Readonly<Record<string, string>>;
  /** Launches (sites at each counted row count) that run the planned kernel of the all-reduce under these flags. */
  readonly agreement: { readonly same: number; readonly of: number };
}

function checkVersion(plan: Plan, given: string | undefined): void {
  const [, named] = /^sglang@(.+)$/.exec(plan.target.engine ?? '') ?? [];
  const version = given ?? named ?? SGLANG.release;
  if (version === SGLANG.release) return;
  throw new UnsupportedError({
    message: `No export for SGLang ${JSON.stringify(version)}; known is ${SGLANG.release}.`,
    hint: 'Its flags and rules differ between releases. Name the known one where they agree.',
    details: { engineVersion: version, known: [SGLANG.release] },
  });
}

function comparisonsOf(plan: Plan): Comparison[] {
  const of = (
    id: string,
    weight: number,
    site: Comparison['scope']['site'],
    segments: readonly PlanSegment[],
  ): Comparison[] => {
    const group = plan.groups[site.group];
    if (!group || segments.length === 0) return [];
    return [
      { id, weight, segments, scope: { site, target: plan.target, group, groupName: group.name } },
    ];
  };
  const decided = plan.decisions.flatMap(({ class: id, sites, segments }) => {
    const site = plan.classes.find((one) => one.id === id);
    return site ? of(id, sites.length, site, segments) : [];
  });
  const plain = (plan.plain ?? []).flatMap((one) =>
    of(one.id, one.allReduces.length, plainClass(one), one.segments),
  );
  return [...decided, ...plain];
}

interface Tried {
  readonly launch: SglangLaunch;
  readonly engine: Engine;
  readonly agreement: Agreement;
}

/** FlashInfer's trtllm kernels run without multicast; whether SGLang's preflight lets them is said beside the export. */
function openFor(launch: SglangLaunch, plan: Plan): Engine {
  const { env, config } = settingsOf(launch);
  const fact: Record<string, string> = plan.target.multicast
    ? {}
    : { flashinfer_workspace: 'true' };
  return openSglang({ env, config: { ...config, ...fact } });
}

function tryLaunch(launch: SglangLaunch, plan: Plan, comparisons: readonly Comparison[]): Tried[] {
  try {
    const engine = openFor(launch, plan);
    return [{ launch, engine, agreement: agreementOf(engine, comparisons) }];
  } catch (error) {
    // The server would not start with it.
    if (error instanceof UsageError) return [];
    throw error;
  }
}

const size = ({ flags, env }: SglangLaunch): number =>
  Object.keys(flags).length + Object.keys(env).length;

/** Fewest launches fused otherwise than planned, then most planned kernels, then fewest settings. */
const nearest = (a: Tried, b: Tried): number =>
  a.agreement.otherwiseFused - b.agreement.otherwiseFused ||
  b.agreement.same - a.agreement.same ||
  size(a.launch) - size(b.launch);

function workspaceGaps(on: boolean, plan: Plan): string[] {
  return on && !plan.target.multicast
    ? [
        'The target has no NVLink multicast: the preflight of FlashInfer\'s workspace in SGLang asks for a multicast granularity, which is taken to fail there, and then nothing is fused. Its log says "FlashInfer AllReduce Fusion enabled and workspace initialized" where it did not fail.',
      ]
    : [];
}

function validFor(plan: Plan, comparisons: readonly Comparison[]): string {
  if (comparisons.length === 0) return `SGLang ${SGLANG.release}; the plan decides nothing.`;
  const groups = [...new Set(comparisons.map(({ scope }) => scope.group))];
  const ranks = groups.map(({ size: ranks, nodes }) => `${ranks} ranks on ${nodes} node(s)`);
  const shape = comparisons.map(({ scope: { site } }) => `${site.hidden} in ${site.dtype}`);
  const box = `SGLang ${SGLANG.release}, compute capability ${plan.target.capability / 10}, ${[...new Set(ranks)].join(' and ')}, hidden size ${[...new Set(shape)].join(' and ')}`;
  return `${box}, models other than ${OWN_FUSION.architectures.join(', ')}, which has a fusion of its own without a flag.`;
}

/**
 * The SGLang configuration that comes nearest to a plan. Every combination of its flags that bear on all-reduces is
 * emulated; the one is taken that fuses what the plan fuses at most launches, then runs most of the planned kernels, then
 * has fewest settings. Only flags and variables that SGLang 0.5.23 has are written.
 * @throws UnsupportedError for another release
 */
export function exportSglang(plan: Plan, options: SglangExportOptions = {}): SglangExport {
  checkVersion(plan, options.engineVersion);
  const comparisons = comparisonsOf(plan);
  const fusible = isHopper(plan.target) || isBlackwell(plan.target);
  const [best] = launches(comparisons, fusible)
    .flatMap((launch) => tryLaunch(launch, plan, comparisons))
    .sort(nearest);
  if (!best) {
    throw new UsageError({
      message: 'SGLang starts with none of the configurations that the plan could be written as.',
      hint: 'Check the group sizes and nodes of the target.',
      details: { groups: plan.groups },
    });
  }
  const { flags, env } = best.launch;
  const on = 'flashinfer-allreduce-fusion-backend' in flags;
  const words = Object.entries(flags).map(([name, value]) =>
    value === true ? `--${name}` : `--${name} ${value}`,
  );
  return {
    target: 'sglang',
    engineVersion: SGLANG.release,
    config: flags,
    env,
    text: [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...(words.length > 0 ? [words.join(' ')] : []),
    ].join('\n'),
    agreement: { same: best.agreement.same, of: best.agreement.of },
    cannotExpress: [
      ...comparisons.flatMap((comparison) => classGaps(best.engine, comparison, on)),
      ...launchGaps(comparisons, on),
      ...workspaceGaps(on, plan),
    ],
    validFor: validFor(plan, comparisons),
  };
}
