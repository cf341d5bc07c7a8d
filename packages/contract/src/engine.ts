import type { Evidence } from './evidence.ts';
import type { LaunchMode } from './kernel.ts';
import type { NumericsRecord } from './numerics.ts';
import type { PlanStep } from './plan-step.ts';
import type { StageKind } from './stage.ts';

/** Settings of an engine as its user gives them; values stay text, as on a command line. */
export interface EngineSettings {
  /** Environment variables, e.g. `{ VLLM_ALLREDUCE_USE_SYMM_MEM: '0' }`. */
  readonly env: Readonly<Record<string, string>>;
  /** Options by the engine's own name, e.g. `{ 'pass_config.fi_allreduce_fusion_max_size_mb': '0.25' }`. */
  readonly config: Readonly<Record<string, string>>;
}

/** One thing that an emulation takes for granted. Every one can be set. */
export interface EngineAssumption {
  /** The setting's own name, e.g. `VLLM_ALLREDUCE_USE_SYMM_MEM`; a host fact is named in words, e.g. `multicast`. */
  readonly name: string;
  readonly value: string | number | boolean | null;
  readonly from: 'default' | 'env' | 'config' | 'target' | 'graph';
  /** One sentence: what follows from it, and how to set it. */
  readonly sentence: string;
  /** Where the default or the rule stands: project, version, file and line. */
  readonly citation?: string;
}

/** What an engine launches for a site, or for a plain all-reduce, at one row count. */
export interface EngineChain {
  /** Whether one kernel performs the all-reduce and a later stage. */
  readonly fused: boolean;
  /** In launch order; covers are the site's stages. Kernel ids are those that threshold tables use. */
  readonly steps: readonly PlanStep[];
  /** The fields of the record that the steps decide. */
  readonly numerics: Partial<NumericsRecord>;
  /** One sentence: the rule that picked the kernel of the all-reduce, with its numbers. */
  readonly rule: string;
  readonly citation: string;
  /** What the engine tries before, in its order, each with the reason why it passes. */
  readonly passedOver: readonly {
    readonly kernel: string;
    readonly reason: string;
    readonly citation: string;
  }[];
}

/** What an engine's own pattern matcher makes of a site class. */
export interface EngineMatch {
  /** Whether a pattern takes the all-reduce together with a norm. */
  readonly fused: boolean;
  /** The engine's own name of the pattern; null when none matches. */
  readonly pattern: string | null;
  /** Stages that its fused op performs; the others run as captured. Empty when nothing is fused. */
  readonly covers: readonly StageKind[];
  /** Sentences: why not, or why not the whole chain. Empty when the whole chain is fused. */
  readonly reasons: readonly string[];
  readonly citation: string;
}

/** What the named engine does with the graph of a plan. */
export interface PlanEngine {
  /** `name@version` as in the target, e.g. `vllm@0.33`. */
  readonly id: string;
  /** The release whose published package was read, e.g. `0.33.0`. */
  readonly release: string;
  /** As given. */
  readonly settings: EngineSettings;
  readonly assumptions: readonly EngineAssumption[];
  /** Sentences, e.g. that the graph looks like a capture of another version. */
  readonly warnings: readonly string[];
  /** Site by site in program order: what its matcher does. */
  readonly sites: readonly ({ readonly site: string } & EngineMatch)[];
  /** By class, and by plain id: what it launches in which token range. */
  readonly today: readonly {
    readonly class: string;
    readonly segments: readonly EngineSegment[];
  }[];
}

/** A token range in which an engine launches one chain. */
export interface EngineSegment extends EngineChain {
  /** Inclusive. */
  readonly tokens: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  /** Evidence at the last row count of the range; absent where no table knows the chain. */
  readonly evidence?: Evidence;
}
