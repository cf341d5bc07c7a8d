import type { DType, IoDType } from './dtype.ts';
import type { PlanEngine } from './engine.ts';
import type { Evidence } from './evidence.ts';
import type { LaunchMode } from './kernel.ts';
import type { Deviation, NumericsRecord } from './numerics.ts';
import type { PlanStep } from './plan-step.ts';
import type { PatternName, SiteClass, SiteOutput } from './site.ts';
import type { Target } from './target.ts';

/** A token range with one decision. */
export interface PlanSegment {
  /** Inclusive. */
  readonly tokens: readonly [min: number, max: number];
  readonly mode: LaunchMode;
  readonly steps: readonly PlanStep[];
  readonly evidence: Evidence;
  /** What the steps compute together, so that a plan can be verified without its backends. Not hashed. */
  readonly numerics: NumericsRecord;
  readonly deviations: readonly Deviation[];
  /** One sentence. */
  readonly reason: string;
  readonly expectedUs?: number;
}

/** What became of one composition of kernels, over the whole token domain. */
export interface CandidateFate {
  /** Kernels joined by ` + `. */
  readonly name: string;
  readonly kernels: readonly string[];
  readonly fate: 'chosen' | 'slower' | 'refused' | 'denied' | 'no evidence';
  /** Token ranges it was chosen for; empty otherwise. */
  readonly tokens: readonly (readonly [min: number, max: number])[];
  /** Sentences: each refusal, or by how much it lost. */
  readonly reasons: readonly string[];
}

/** All decisions for one site class. */
export interface PlanDecision {
  /** Class id. */
  readonly class: string;
  /** Site ids in program order. */
  readonly sites: readonly string[];
  readonly segments: readonly PlanSegment[];
  readonly candidates: readonly CandidateFate[];
}

/** One matched chain. */
export interface PlanSite {
  /** `s0`, `s1`, … in program order. */
  readonly id: string;
  readonly class: string;
  readonly pattern: PatternName;
  /** Names of the raw all-reduce nodes: one, or two when merged. */
  readonly allReduces: readonly string[];
  /** The graph's own group name. */
  readonly group: string;
  readonly hidden: number;
  readonly dtype: IoDType;
  readonly weightDtype: DType | null;
  readonly eps: number;
  readonly weightBias: 0 | 1;
  readonly outputs: readonly SiteOutput[];
  /** Row count of the activations as an expression over the graph's symbols. */
  readonly rows: string;
  /** Module path or weight name that the site belongs to, when the capture says so. */
  readonly layer?: string;
}

/** Why an all-reduce is in no site: the best miss of all fusions. */
export interface PlanMiss {
  /** Name of the raw all-reduce node. */
  readonly allReduce: string;
  /** How far the match came: structure, then use, then check. */
  readonly phase: 'structure' | 'use' | 'check';
  /** Name of the node where it ended. */
  readonly node: string;
  /** One sentence. */
  readonly reason: string;
}

/** Plain all-reduces with equal attributes, and what runs them. */
export interface PlanPlain {
  /** `p0`, `p1`, … in program order. */
  readonly id: string;
  /** Names of the raw all-reduce nodes. */
  readonly allReduces: readonly string[];
  /** Ordinal of the process group. */
  readonly group: number;
  readonly hidden: number;
  readonly dtype: IoDType;
  readonly segments: readonly PlanSegment[];
  readonly candidates: readonly CandidateFate[];
}

/** An op that an engine has already fused, and what arfuse would have chosen for it. */
export interface PlanAlreadyFused {
  /** Name of the raw node. */
  readonly node: string;
  /** Raw op, e.g. `vllm.flashinfer_trtllm_fused_allreduce_norm.default`. */
  readonly op: string;
  readonly pattern: PatternName;
  readonly hidden: number;
  readonly eps: number | null;
  /** Id of the class with the same attributes in this plan. */
  readonly class: string;
}

/** A class's raw nodes, cut from the graph at its first site, and which of its values play which part. */
export interface PlanSlice {
  /** arfuse graph JSON: the covered raw nodes; every value that enters is an input, every escaping one an output. */
  readonly graph: unknown;
  /** Id of the site that it was cut from. */
  readonly site: string;
  /** Value names of the slice. */
  readonly inputs: {
    readonly partials: readonly string[];
    readonly residual?: string;
    readonly weight?: string;
    readonly bias?: string;
    readonly preNormWeight?: string;
    readonly scale?: string;
  };
  /** Value names of the escaping results. */
  readonly outputs: Readonly<Partial<Record<SiteOutput, string>>>;
}

/** A whole plan. Its JSON form is canonical: see `canonicalJson`. */
export interface Plan {
  readonly specificationVersion: 1;
  readonly kind: 'arfuse.plan';
  readonly summary: {
    readonly nodes: number;
    readonly allReduces: number;
    readonly sites: number;
    readonly merged: number;
    readonly plain: number;
    readonly alreadyFused: number;
    /** Sites that the named engine's own matcher fuses; absent without an engine. */
    readonly engineFused?: number;
  };
  readonly target: Target;
  /** What the target's engine does with this graph today; absent without an engine. Not hashed. */
  readonly engine?: PlanEngine;
  readonly tables: readonly { readonly name: string; readonly version: string }[];
  readonly backends: readonly { readonly name: string; readonly version: string }[];
  /** Groups of the graph in order of first use; a class names them by ordinal. */
  readonly groups: readonly {
    readonly name: string;
    readonly size: number;
    readonly nodes: number;
  }[];
  readonly classes: readonly SiteClass[];
  readonly sites: readonly PlanSite[];
  readonly misses: readonly PlanMiss[];
  readonly alreadyFused: readonly PlanAlreadyFused[];
  readonly decisions: readonly PlanDecision[];
  /** Which kernel runs the all-reduces that are in no site, where the capture tells their shape and group. */
  readonly plain?: readonly PlanPlain[];
  /** Winners that are not installed, and other things a person should know. */
  readonly notes: readonly string[];
  /** Each class's slice of the raw graph by class id, so that the plan can be verified alone. */
  readonly slices: Readonly<Record<string, PlanSlice>>;
  /** SHA-256 over what the plan decides: see `planHash`. */
  readonly hash: string;
}

/** Steps of a segment with the record of what they compute; the policy engine's currency. */
export interface Candidate {
  /** Kernels joined by ` + `. Unique within a class. */
  readonly name: string;
  readonly steps: readonly PlanStep[];
  readonly numerics: NumericsRecord;
  readonly deviations: readonly Deviation[];
  /** Sum of the kernels' complexity; ties go to the smaller. */
  readonly complexity: number;
  /** Whether one kernel performs the all-reduce and a later stage. */
  readonly fused: boolean;
}
