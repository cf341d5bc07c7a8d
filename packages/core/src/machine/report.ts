import type { MachineProbe, ProbedGpu, TopologyLink } from '@arfuse/contract';
import type { InterconnectFinding } from './interconnect.ts';
import type { TableMatch } from './table-match.ts';

/** Something that a person should know of, and what to do about it. */
export interface MachineFinding {
  /** `red`: GPUs cannot be used, or not by this; `yellow`: some plans cannot run, or run worse. */
  readonly level: 'red' | 'yellow';
  /** One sentence: what is wrong, quoting the offending value. */
  readonly what: string;
  /** One sentence: what to do. */
  readonly fix: string;
}

/** One GPU with its key. */
export interface MachineGpu extends ProbedGpu {
  readonly ordinal: number;
  /** Key of the model in targets; null for a model that is not known. */
  readonly sku: string | null;
  /** Whether the addon has code for it. */
  readonly served: boolean;
}

/** What a machine is to arfuse. */
export interface MachineReport {
  readonly probe: MachineProbe;
  /** Names and versions of arfuse's packages and of the given backends. */
  readonly packages: Readonly<Record<string, string>>;
  readonly gpus: readonly MachineGpu[];
  /** By row and column GPU, from `nvidia-smi`; null where it does not say. */
  readonly links: readonly (readonly (TopologyLink | null)[])[] | null;
  readonly interconnect: InterconnectFinding;
  /** Ranks that were asked for; by default one per GPU. */
  readonly world: number;
  /** How many ranks would share a GPU. More than 1 is for tests only. */
  readonly ranksPerDevice: number;
  /** The canonical target for `plan`; null where GPUs, or how they are joined, are not known. */
  readonly target: string | null;
  /** Threshold tables by how well they fit, best first; empty without a target. */
  readonly tables: readonly TableMatch[];
  /** Worst first. */
  readonly findings: readonly MachineFinding[];
  /** Whether a plan could run on a GPU here. */
  readonly usable: boolean;
}
