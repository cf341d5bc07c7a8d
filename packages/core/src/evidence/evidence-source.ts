import type {
  CellSite,
  Evidence,
  EvidenceKind,
  LaunchMode,
  StageKind,
  Target,
  TargetGroup,
} from '@arfuse/contract';

/** A class on a target. */
export interface EvidenceScope {
  readonly site: CellSite;
  readonly target: Target;
  readonly group: TargetGroup;
}

/** A list of kernels that could perform a class. */
export interface KernelList {
  /** Kernel ids of the steps, in order. */
  readonly kernels: readonly string[];
  /** Stages of each step. */
  readonly covers?: readonly (readonly StageKind[])[];
}

/** A launch of a class. */
export interface EvidencePoint {
  readonly tokens: number;
  readonly mode: LaunchMode;
}

/** What the planner asks of threshold tables; the one seam to `@arfuse/thresholds`. */
export interface EvidenceSource {
  /** Names and versions of the tables, sorted. */
  readonly tables: readonly { readonly name: string; readonly version: string }[];
  /** The strongest evidence of the given kinds, or undefined. */
  find(
    scope: EvidenceScope,
    list: KernelList,
    point: EvidencePoint,
    kinds: readonly EvidenceKind[],
  ): Evidence | undefined;
  /** Token counts at which evidence for the class may change its course. */
  edges(scope: EvidenceScope, mode: LaunchMode): readonly number[];
  /** Kernels that have measured rows for the class on this box, installed or not. */
  measured(scope: EvidenceScope): readonly KernelList[];
}
