import { add, type Dim, dimEquals, dimKey, mul } from '../dim/dim.ts';
import { substitute, symbolsOf } from '../dim/substitute.ts';
import type { Graph } from './graph.ts';

/** What the equalities of a graph say: symbols with what stands for them, and differences that are zero. */
interface Known {
  readonly resolve: (dim: Dim) => Dim;
  readonly zeros: ReadonlySet<string>;
}

const known = new WeakMap<Graph, Known>();

/**
 * Whether two expressions are the same under the equalities that the graph states. It does not solve equations: a
 * symbol is replaced by the symbol, constant or expression that it equals, and beyond that only a stated equality counts.
 */
export function dimsEqual(graph: Graph, a: Dim, b: Dim): boolean {
  if (dimEquals(a, b)) return true;
  if (graph.equalities.length === 0) return false;
  let facts = known.get(graph);
  if (!facts) {
    facts = learn(graph);
    known.set(graph, facts);
  }
  const difference = facts.resolve(add(a, mul(-1, b)));
  return difference === 0 || facts.zeros.has(dimKey(difference));
}

function learn(graph: Graph): Known {
  const bound = new Map<string, Dim>();
  const resolve = (dim: Dim): Dim => substitute(dim, (name) => representative(name));
  // A chain of symbols is shortened as it is followed, as in union-find.
  const representative = (name: string): Dim | undefined => {
    const next = bound.get(name);
    if (next === undefined) return undefined;
    const end = resolve(next);
    bound.set(name, end);
    return end;
  };
  const differences: Dim[] = [];
  for (const equality of graph.equalities) {
    const [left, right] = [resolve(equality.left), resolve(equality.right)];
    if (dimEquals(left, right)) continue;
    if (!bind(left, right) && !bind(right, left)) differences.push(add(left, mul(-1, right)));
  }
  function bind(symbol: Dim, to: Dim): boolean {
    if (typeof symbol !== 'object' || symbol.op !== 'sym' || symbolsOf(to).has(symbol.name))
      return false;
    bound.set(symbol.name, to);
    return true;
  }
  const zeros = new Set<string>();
  for (const difference of differences.map(resolve))
    for (const factor of [1, -1]) zeros.add(dimKey(mul(factor, difference)));
  return { resolve, zeros };
}
