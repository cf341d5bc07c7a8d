import type { Dim } from '../dim/dim.ts';
import type { Arg, ValueId } from './arg.ts';
import type { ValueType } from './type.ts';

/** Never reused within a graph and its rewritten successors. */
export type NodeId = number;

/**
 * What a value is:
 * - `input`: a graph input (placeholder);
 * - `result`: the `index`-th result of its node (`index` null: the whole result of a call that is used as one value);
 * - `write`: the state of `of` after its node has changed it, through argument `arg` (`direct`), or through an
 *   alias of that argument (`alias`: same storage, other view).
 */
export type ValueSource =
  | { readonly kind: 'input' }
  | { readonly kind: 'result'; readonly index: number | null }
  | {
      readonly kind: 'write';
      readonly arg: number | string;
      readonly of: ValueId;
      readonly via: 'direct' | 'alias';
    };

/** An SSA value: defined once, never changed. */
export interface Value {
  readonly id: ValueId;
  /** Unique within the graph. */
  readonly name: string;
  /** Null when the capture gives none. */
  readonly type: ValueType | null;
  /** Defining node, or null for a graph input. The values of a node that a rewrite removed still name it. */
  readonly node: NodeId | null;
  readonly source: ValueSource;
}

/** Where a node comes from. */
export interface Provenance {
  /** Line in the source file, from 1. */
  readonly line?: number;
  /** JSON pointer for JSON sources. */
  readonly pointer?: string;
  /** Path of inlined sub-modules, e.g. `submod_2`. */
  readonly path?: string;
  /** Module path or fully qualified name, when the capture has one. */
  readonly module?: string;
  /** Text of the `# File:` comment or stack trace. Dropped by `redact`. */
  readonly stack?: string;
}

/** One call. Its arguments keep the call form of the source; results are values of their own. */
export interface Node {
  readonly id: NodeId;
  /** Unique within the graph: the source's own name. */
  readonly name: string;
  /**
   * `namespace.name[.overload]` such as `aten.add.Tensor` or `vllm.all_reduce`; `operator.add`, `method.view`,
   * `torch.rsqrt` at Dynamo level; `call_module.<path>`; `raw` for a statement that is kept as text.
   */
  readonly op: string;
  readonly args: readonly Arg[];
  readonly kwargs: Readonly<Record<string, Arg>>;
  /** Values that this node defines: results and states of changed arguments. */
  readonly outputs: readonly ValueId[];
  /** The functionalising wrapper that the capture shows, if any; `op` and `kwargs` are those of the inner op. */
  readonly wrapper?: 'auto_functionalized' | 'auto_functionalized_v2';
  readonly provenance: Provenance;
}

/** A symbol of the graph's shapes. Null bounds are infinite. */
export interface SymbolInfo {
  readonly name: string;
  readonly min: number | bigint | null;
  readonly max: number | bigint | null;
  readonly hint?: number | bigint;
}

/** The level at which a program was captured (see `docs/architecture.md`). */
export type GraphLevel = 'dynamo' | 'aten' | 'post_grad' | 'vllm' | 'inductor' | 'unknown';

/** What the importer knows about the graph as a whole. */
export interface GraphMeta {
  /** Format name such as `fx-readable`, `fx-graph`, `torch-trace`, `exported-program`, `pt2`, `arfuse`. */
  readonly format: string;
  readonly level: GraphLevel;
  /** File or archive member, as the user gave it. */
  readonly source?: string;
  /** Name of the graph within its source: class name, trace record, model name. */
  readonly name?: string;
  /** Producers' versions, e.g. `{ torch: '2.11.0', schema: '8.17' }`. */
  readonly producers?: Readonly<Record<string, string>>;
  readonly rank?: number;
  /** Sizes of process groups that the graph itself states, by group name. */
  readonly groupSizes?: Readonly<Record<string, number>>;
  /** Fully qualified names of parameters and buffers (`model.layers.0.mlp.down_proj.weight`), by value name. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Non-fatal remarks of the importer. */
  readonly warnings?: readonly string[];
}

/** A use of a value: by a node, or by the graph's outputs (`node` null). */
export interface Use {
  readonly node: NodeId | null;
}

/** Equality between two symbolic integers that the capture states or implies. */
export interface Equality {
  readonly left: Dim;
  readonly right: Dim;
}
