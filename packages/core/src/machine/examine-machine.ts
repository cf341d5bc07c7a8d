import type { Backend, MachineProbe, Target, ThresholdTable } from '@arfuse/contract';
import { nccl } from '@arfuse/nccl';
import manifest from '../../package.json' with { type: 'json' };
import { native } from '../norm/backend.ts';
import { DEFAULT_GRAPH_UP_TO, DEFAULT_MAX_TOKENS, defaultBuckets } from '../target/buckets.ts';
import { formatTarget } from '../target/format-target.ts';
import { skuOfName } from '../target/sku-of-name.ts';
import { SKUS } from '../target/skus.ts';
import { runsOn } from './architectures.ts';
import { cudaVersion, findingsOf } from './findings.ts';
import { type InterconnectFinding, interconnectOf, seenLinks } from './interconnect.ts';
import type { MachineGpu, MachineReport } from './report.ts';
import { matchTables } from './table-match.ts';

/** What a machine is examined for. */
export interface ExamineOptions {
  /** Ranks that all-reduce together. Default: one per GPU. */
  readonly world?: number;
  /** Backends besides NCCL and arfuse's own, for their versions. */
  readonly use?: readonly Backend[];
  /** Threshold tables in addition to the built-in ones. */
  readonly tables?: readonly ThresholdTable[];
}

function gpusOf({ addon, cuda }: MachineProbe): MachineGpu[] {
  const built = addon?.loaded ? addon.cudaArchitectures : null;
  return (cuda?.devices ?? []).map((device, ordinal) => ({
    ...device,
    ordinal,
    sku: skuOfName(device.name) ?? null,
    served: built !== null && runsOn(built, device.capability),
  }));
}

/**
 * Ranks that reduce to one GPU have no links: the model's usual board is what such a plan is a test of.
 */
function joinedAs(
  { class: seen }: InterconnectFinding,
  gpus: readonly MachineGpu[],
): Target['interconnect'] | undefined {
  const [first] = gpus;
  if (gpus.length === 1 && first?.sku) return SKUS[first.sku]!.interconnect;
  return seen === 'unknown' ? undefined : seen;
}

function targetOf(
  probe: MachineProbe,
  gpus: readonly MachineGpu[],
  interconnect: InterconnectFinding,
  world: number,
): Target | undefined {
  const [first] = gpus;
  const joined = joinedAs(interconnect, gpus);
  const same = gpus.every(
    ({ sku, capability }) => sku === first?.sku && capability === first.capability,
  );
  if (!first || first.sku === null || !same || !joined || world < 1) return undefined;
  const { addon, nccl: found, cuda } = probe;
  return {
    sku: first.sku,
    capability: first.capability,
    interconnect: joined,
    multicast: false,
    groups: { default: { size: world, nodes: 1 } },
    tokens: {
      max: DEFAULT_MAX_TOKENS,
      buckets: defaultBuckets(DEFAULT_GRAPH_UP_TO),
      graphUpTo: DEFAULT_GRAPH_UP_TO,
    },
    libraries: {
      ...(addon?.loaded && addon.flashinferVersion ? { flashinfer: addon.flashinferVersion } : {}),
      ...(found?.found ? { nccl: found.version } : {}),
      ...(cuda ? { cuda: cudaVersion(cuda.runtimeVersion) } : {}),
    },
  };
}

/**
 * What a machine is to arfuse: its GPUs with their keys, how they are joined, the target and the tables that serve it, what
 * is wrong and what to do.
 * @param probe - what `probeMachine` of `@arfuse/native` found
 */
export function examineMachine(probe: MachineProbe, options: ExamineOptions = {}): MachineReport {
  const { use = [], tables = [] } = options;
  const gpus = gpusOf(probe);
  const [first] = gpus;
  const usual = first?.sku ? SKUS[first.sku]!.interconnect : undefined;
  const interconnect = interconnectOf(gpus, probe, usual);
  const world = options.world ?? gpus.length;
  const ranksPerDevice = gpus.length === 0 ? 1 : Math.max(1, Math.ceil(world / gpus.length));
  const target = targetOf(probe, gpus, interconnect, world);
  const packages: Record<string, string> = { '@arfuse/core': manifest.version };
  for (const { name, version } of [...use, nccl(), native()]) packages[name] = version;
  return {
    probe,
    packages,
    gpus,
    links: seenLinks(gpus, probe)?.links ?? null,
    interconnect,
    world,
    ranksPerDevice,
    target: target ? formatTarget(target) : null,
    tables: target
      ? matchTables(
          {
            sku: target.sku,
            capability: target.capability,
            groupSize: world,
            interconnect: target.interconnect,
          },
          tables,
        )
      : [],
    findings: findingsOf(probe, gpus, interconnect, { world, ranksPerDevice }),
    usable: gpus.some(({ served }) => served),
  };
}
