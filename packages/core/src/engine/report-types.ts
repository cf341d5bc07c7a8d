import type { EngineAssumption, EngineSettings, Evidence, LaunchMode } from '@arfuse/contract';

/** How often a launch size occurs; weights are relative. */
export type TokenMix = readonly { readonly tokens: number; readonly weight: number }[];

/** What runs a class at one launch size, and how long it takes there. */
export interface TimedChain {
  /** Kernel ids in launch order. */
  readonly kernels: readonly string[];
  readonly fused: boolean;
  /** Microseconds per op; null where no table knows these kernels here. */
  readonly us: number | null;
  readonly evidence: Evidence | null;
  /** Why these: the engine's rule, or the plan's reason. */
  readonly rule: string;
}

/** One class at one launch size. */
export interface ReportPart {
  /** Class id, or the id of plain all-reduces. */
  readonly class: string;
  /** Ops of this class in one step. */
  readonly ops: number;
  readonly today: TimedChain;
  /** With the advised settings. */
  readonly advised: TimedChain;
  /** The fastest that settings, or table rows, can bring; today's where nothing faster is known. */
  readonly best: TimedChain;
}

/** All classes at one launch size. Sums are per step, over all ops; null where a part has no time. */
export interface ReportLaunch {
  /** Rows that are launched. */
  readonly tokens: number;
  readonly mode: LaunchMode;
  /** Share of the launches, 0 to 1. */
  readonly share: number;
  readonly parts: readonly ReportPart[];
  readonly todayUs: number | null;
  readonly advisedUs: number | null;
  readonly bestUs: number | null;
}

/** A setting to change. */
export interface SettingChange {
  readonly where: 'env' | 'config';
  readonly name: string;
  /** What it is today. */
  readonly from: string;
  readonly to: string;
  readonly sentence: string;
  readonly citation: string;
}

/** The change of settings that saves the most, over the launches that have times. */
export interface Advice {
  readonly changes: readonly SettingChange[];
  /** Microseconds per step, weighted by the mix, over launches whose both sides have a time. */
  readonly savedUs: number;
  /** By launch that changes: microseconds per op that the change saves there, by class. */
  readonly perOp: readonly {
    readonly tokens: number;
    readonly class: string;
    readonly savedUs: number;
    readonly evidence: string;
  }[];
}

/** A row that a table would need so that a cell can be compared. */
export interface MissingRow {
  readonly classes: readonly string[];
  readonly pattern: string;
  readonly hidden: number;
  readonly dtype: string;
  readonly sku: string;
  readonly groupSize: number;
  readonly nodes: number;
  readonly multicast: boolean;
  readonly mode: LaunchMode;
  readonly kernels: readonly string[];
  /** Launch sizes that lack it, ascending. */
  readonly tokens: readonly number[];
}

/** What an engine does today, what would be best, and how to get there. Every number has its evidence. */
export interface EngineReport {
  readonly engine: string;
  readonly release: string;
  readonly target: string;
  readonly settings: EngineSettings;
  readonly assumptions: readonly EngineAssumption[];
  readonly warnings: readonly string[];
  readonly sites: { readonly total: number; readonly fused: number };
  readonly launches: readonly ReportLaunch[];
  /** Per step, weighted by the mix, over the launches that have both times; null where none has. */
  readonly total: {
    readonly todayUs: number | null;
    readonly advisedUs: number | null;
    readonly bestUs: number | null;
    /** Launch sizes of the mix that have times, and all of them. */
    readonly compared: readonly [timed: number, of: number];
  };
  /** Null where no setting is known to save anything. */
  readonly advice: Advice | null;
  /** Sentences: what would be faster and no setting reaches. */
  readonly outOfReach: readonly string[];
  readonly missing: readonly MissingRow[];
  /** Command that would measure the missing rows; null as long as no tuner is installed. */
  readonly measureWith: string | null;
}
