import type {
  CellSite,
  EngineAssumption,
  EngineChain,
  EngineMatch,
  EngineSettings,
  LaunchMode,
  SiteClass,
  Target,
  TargetGroup,
} from '@arfuse/contract';

/** A class on a target, as an engine sees it. */
export interface EngineScope {
  /** A site class, or an all-reduce that no site takes. */
  readonly site: CellSite;
  readonly target: Target;
  readonly group: TargetGroup;
  /** The graph's own name of the group, e.g. `tp:0`. */
  readonly groupName: string;
}

/** One launch of a class. */
export interface EngineQuestion extends EngineScope {
  /** Rows that are launched: the bucket that the engine pads to in graph mode. */
  readonly tokens: number;
  readonly mode: LaunchMode;
}

/** A setting that changes what an engine dispatches, with the values worth trying. */
export interface EngineLever {
  readonly where: 'env' | 'config';
  readonly name: string;
  /** One sentence: what it changes. */
  readonly sentence: string;
  readonly citation: string;
  /**
   * Values to try, as text, the default first.
   * @param rowBytes - bytes of one row of the activations, `hidden * itemsize`
   * @param tokens - row counts up to which a limit may be worth setting, ascending
   */
  values(rowBytes: number, tokens: readonly number[]): readonly string[];
}

/** What is known of a captured graph that tells which version made it. */
export interface CaptureFacts {
  /** Raw op names of the graph. */
  readonly ops: ReadonlySet<string>;
  /** Group names of the graph. */
  readonly groups: readonly string[];
}

/** An engine's release with settings: a pure function from a launch to what the engine dispatches, with citations. */
export interface Engine {
  /** `name@version`, e.g. `vllm@0.33`. */
  readonly id: string;
  readonly name: 'vllm' | 'sglang';
  /** The release whose published package was read, e.g. `0.33.0`. */
  readonly release: string;
  readonly settings: EngineSettings;
  /** Everything that is taken for granted on a target, in the order in which a person would check it. */
  assumptions(target: Target): readonly EngineAssumption[];
  /** Sentences about a graph that does not look like a capture of this version. */
  warnings(capture: CaptureFacts): readonly string[];
  /** What the engine's matcher makes of a site class, whatever the row count. */
  match(scope: EngineScope & { readonly site: SiteClass }): EngineMatch;
  /** What the engine launches today. */
  today(question: EngineQuestion): EngineChain;
  /** What it would launch if it did not fuse this site at this size: its plain all-reduce and the ops as captured. */
  unfused(question: EngineQuestion): EngineChain;
  /** Row counts at which an answer may change: the last of one range and the first of the next. Ascending, `≥ 1`. */
  edges(scope: EngineScope): readonly number[];
  /** Settings that the user may change to get another dispatch; those that are given explicitly are left out. */
  levers(target: Target): readonly EngineLever[];
}
