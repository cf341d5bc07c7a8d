import { GraphError } from '@arfuse/contract';
import {
  type Arg,
  type Graph,
  GraphBuilder,
  type GraphMeta,
  type NodeId,
  type NodeSpec,
  type ValueId,
  type ValueType,
} from '@arfuse/graph';
import type { ImportLimits } from '../importer.ts';
import { Annotations, type DimCache } from './annotation.ts';
import { LevelDetector } from './level.ts';
import { demangle } from './names.ts';
import { type FxSource, limitError, placeAt } from './source.ts';

/** What the graphs of one text share. */
export interface FxContext {
  readonly source: FxSource;
  readonly limits: ImportLimits;
  readonly redact: boolean;
  readonly dims: DimCache;
  /** Names that imports and assignments above the graph define. */
  readonly globals: ReadonlySet<string>;
  /** Types of inputs by name, when another part of the file gives them. */
  readonly inputTypes?: ReadonlyMap<string, string>;
}

/** A graph under construction: the builder, with the bookkeeping that every text format needs. */
export class FxProgram {
  readonly context: FxContext;
  readonly builder: GraphBuilder;
  readonly annotations: Annotations;
  readonly warnings: string[] = [];
  readonly #meta: GraphMeta;
  readonly #banner: string | undefined;
  readonly #level = new LevelDetector();
  readonly #labels: Record<string, string> = {};
  readonly #attributes = new Map<string, ValueId>();
  readonly #subgraphs = new Set<string>();
  readonly #counts = new Map<string, number>();
  #nodes = 0;
  #inlined = 0;

  constructor(context: FxContext, meta: Pick<GraphMeta, 'format' | 'name'>, banner?: string) {
    const { source } = context;
    this.context = context;
    this.#meta = {
      ...meta,
      level: 'unknown',
      ...(source.file === undefined ? {} : { source: source.file }),
      ...(source.rank === undefined ? {} : { rank: source.rank }),
    };
    this.#banner = banner;
    this.builder = new GraphBuilder(this.#meta);
    this.annotations = new Annotations(context.dims, this.builder);
  }

  input(name: string, type: ValueType | null, at: number): ValueId {
    const id = this.at(at, () => this.builder.input(name, type));
    const label = demangle(name);
    if (label !== undefined) this.#labels[name] = label;
    return id;
  }

  /** A name that is not taken yet; counts on where the last search for the same name ended. */
  unique(name: string): string {
    if (!this.builder.has(name)) return name;
    let count = this.#counts.get(name) ?? 1;
    while (this.builder.has(`${name}_${count}`)) count += 1;
    this.#counts.set(name, count + 1);
    return `${name}_${count}`;
  }

  /** Adds a call. */
  node(spec: NodeSpec, at: number): NodeId {
    this.#nodes += 1;
    if (this.#nodes > this.context.limits.maxNodes) {
      limitError(
        this.context.source,
        at,
        `the graph has more than ${this.context.limits.maxNodes} nodes.`,
        'maxNodes',
      );
    }
    this.#level.see(spec.op, spec.results);
    return this.at(at, () => this.builder.node(spec));
  }

  /** Counts the text of an inlined sub-module: one that is called again and again is read as often. */
  countInlined(characters: number, at: number): void {
    const { source, limits } = this.context;
    this.#inlined += characters;
    if (this.#inlined > limits.maxRatio * source.text.length) {
      limitError(
        source,
        at,
        `sub-modules that are called repeatedly make the graph over ${limits.maxRatio} times as long as its text.`,
        'maxRatio',
      );
    }
  }

  /** Runs a builder call and gives its error the place of the statement. */
  at<T>(offset: number, build: () => T): T {
    try {
      return build();
    } catch (error) {
      if (!(error instanceof GraphError) || error.place) throw error;
      throw new GraphError({
        message: error.message,
        place: placeAt(this.context.source, offset),
        details: error.details,
        cause: error,
      });
    }
  }

  /** A constant of the module, as an input; the same one for every reference. */
  attribute(name: string, type: ValueType | null, at: number): ValueId {
    let id = this.#attributes.get(name);
    if (id === undefined) {
      id = this.input(this.unique(name), type, at);
      this.#attributes.set(name, id);
    } else if (type && this.builder.typeOf(id) === null) this.builder.setType(id, type);
    return id;
  }

  /** Registers a sub-graph once. */
  subgraph(name: string, read: () => Graph): void {
    if (this.#subgraphs.has(name)) return;
    this.#subgraphs.add(name);
    this.builder.subgraph(name, read());
  }

  /** A program of its own for a sub-graph of this one. */
  fork(name: string): FxProgram {
    return new FxProgram(this.context, { format: this.#meta.format, name });
  }

  /** A remark with its line; the graph keeps it. */
  warn(line: number, text: string): void {
    this.warnings.push(`line ${line}: ${text}`);
  }

  finish(outputs: readonly Arg[]): Graph {
    this.builder.output(outputs);
    return this.builder.finish({
      level: this.#level.level(this.#banner),
      ...(Object.keys(this.#labels).length > 0 ? { labels: this.#labels } : {}),
      ...(this.warnings.length > 0 ? { warnings: this.warnings } : {}),
    });
  }
}
