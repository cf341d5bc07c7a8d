import type { Graph, NodeId, ValueId } from '@arfuse/graph';
import { Flow } from '../flow/flow.ts';
import { Storage } from '../flow/storage.ts';
import type { MatchStatistics } from '../statistics.ts';
import type { AddRmsOp, AllReduceOp, CanonicalOp, QuantOp, Rejected, RmsOp } from './canonical.ts';
import type { Spelling } from './spelling.ts';

/** The canonical ops of a graph, indexed by the data that they read. */
export class Lifted {
  readonly graph: Graph;
  readonly flow: Flow;
  readonly storage: Storage;
  /** In program order. */
  readonly allReduces: readonly AllReduceOp[];
  readonly #norms = new Map<ValueId, (RmsOp | AddRmsOp)[]>();
  readonly #quants = new Map<ValueId, QuantOp[]>();
  readonly #rejected = new Map<ValueId, Rejected[]>();
  readonly #reducedBy = new Map<ValueId, AllReduceOp>();

  constructor(graph: Graph, spellings: readonly Spelling[], statistics?: MatchStatistics) {
    this.graph = graph;
    this.flow = new Flow(graph);
    this.storage = new Storage(graph);
    const allReduces: AllReduceOp[] = [];
    for (const spelling of spellings) {
      for (const base of spelling.ops) {
        for (const node of graph.nodesOf(base)) {
          const lift = (): readonly CanonicalOp[] => spelling.lift(node, this);
          const ops = statistics ? statistics.count(spelling.name, lift) : lift();
          for (const op of ops) {
            if (op.op === 'collective.all_reduce') allReduces.push(op);
            else this.#index(op);
          }
        }
      }
    }
    this.allReduces = allReduces.sort((a, b) => graph.position(a.node) - graph.position(b.node));
    for (const op of this.allReduces) {
      for (const output of op.outputs) this.#reducedBy.set(this.flow.root(output), op);
    }
  }

  norms(value: ValueId): readonly (RmsOp | AddRmsOp)[] {
    return this.#norms.get(this.flow.root(value)) ?? [];
  }

  quants(value: ValueId): readonly QuantOp[] {
    return this.#quants.get(this.flow.root(value)) ?? [];
  }

  rejected(value: ValueId): readonly Rejected[] {
    return this.#rejected.get(this.flow.root(value)) ?? [];
  }

  /** The all-reduce whose result a value is, or undefined. */
  reducedBy(value: ValueId): AllReduceOp | undefined {
    return this.#reducedBy.get(this.flow.numbers(value));
  }

  #index(op: Exclude<CanonicalOp, AllReduceOp>): void {
    const into = <T>(map: Map<ValueId, T[]>, value: ValueId, item: T): void => {
      const list = map.get(value);
      if (list) list.push(item);
      else map.set(value, [item]);
    };
    if (op.op === 'quant') into(this.#quants, op.input, op);
    else if (op.op === 'rejected')
      for (const subject of new Set(op.subjects)) into(this.#rejected, this.flow.root(subject), op);
    else {
      into(this.#norms, op.x, op);
      if (op.op === 'norm.add_rms' && op.residual !== op.x) into(this.#norms, op.residual, op);
    }
  }
}

/** Nodes of several lists, each once, in program order. */
export function inProgramOrder(graph: Graph, nodes: Iterable<NodeId>): NodeId[] {
  return [...new Set(nodes)].sort((a, b) => graph.position(a) - graph.position(b));
}
