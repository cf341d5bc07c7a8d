import { type Arg, eachValue, type ValueId } from '../ir/arg.ts';
import type { Graph } from '../ir/graph.ts';
import type { Node, NodeId } from '../ir/graph-parts.ts';
import { formatNode } from './format.ts';
import { oneLine } from './format-arg.ts';

/** Inserted nodes and the nodes that they stand for, each in program order. */
export interface Replacement {
  readonly removed: readonly Node[];
  /** Empty when another value of the graph stands for the removed nodes. */
  readonly inserted: readonly Node[];
}

const valuesOf = (args: Iterable<Arg>): ValueId[] => {
  const found: ValueId[] = [];
  for (const arg of args) eachValue(arg, (id) => found.push(id));
  return found;
};

const readsOf = (node: Node): ValueId[] => valuesOf([...node.args, ...Object.values(node.kwargs)]);

/**
 * What a rewrite replaced by what. A removed node belongs to the first inserted node that stands for it or for
 * something computed from it; an inserted node whose result only inserted nodes read belongs to the first of these.
 * @param after - a rewritten successor of `before`: see `GraphEditor`
 */
export function replacements(before: Graph, after: Graph): Replacement[] {
  const kept = new Set(after.nodes.map(({ id }) => id));
  const old = new Set(before.nodes.map(({ id }) => id));
  const replaced = replacedValues(before, after);
  const claimed = new Set<NodeId>();
  const claim = (values: readonly ValueId[]): Node[] => {
    const found: Node[] = [];
    const stack = [...values];
    for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
      const node = before.values[value] && before.producer(value);
      if (!node || kept.has(node.id) || claimed.has(node.id)) continue;
      claimed.add(node.id);
      found.push(node);
      stack.push(...readsOf(node));
    }
    return found.sort((a, b) => before.position(a.id) - before.position(b.id));
  };
  const found: Replacement[] = [];
  let waiting: Node[] = [];
  for (const node of after.nodes) {
    if (old.has(node.id)) continue;
    waiting.push(node);
    const removed = claim(node.outputs.flatMap((output) => replaced.get(output) ?? []));
    if (removed.length === 0) continue;
    found.push({ removed, inserted: waiting });
    waiting = [];
  }
  if (waiting.length > 0) found.push({ removed: [], inserted: waiting });
  const rest = before.nodes.filter(({ id }) => !kept.has(id) && !claimed.has(id));
  if (rest.length > 0) found.push({ removed: rest, inserted: [] });
  return found;
}

/** New value → values that it took the place of, from the readers that both graphs have. */
function replacedValues(before: Graph, after: Graph): Map<ValueId, ValueId[]> {
  const replaced = new Map<ValueId, ValueId[]>();
  const compare = (olds: readonly ValueId[], news: readonly ValueId[]): void => {
    olds.forEach((value, i) => {
      const now = news[i];
      if (now === undefined || now === value) return;
      const list = replaced.get(now);
      if (list) list.push(value);
      else replaced.set(now, [value]);
    });
  };
  for (const node of after.nodes) {
    if (!before.hasNode(node.id)) continue;
    const old = before.node(node.id);
    if (old !== node) compare(readsOf(old), readsOf(node));
  }
  compare(valuesOf(before.outputs), valuesOf(after.outputs));
  compare(
    before.inputWrites.map(({ value }) => value),
    after.inputWrites.map(({ value }) => value),
  );
  return replaced;
}

/**
 * What a rewrite changed, for people: for every inserted node the nodes that it replaced, both sides in full.
 * Empty when the graphs have the same nodes.
 * @param shown - which replacements to print; all by default
 */
export function formatRewrite(
  before: Graph,
  after: Graph,
  shown: (replacement: Replacement) => boolean = () => true,
): string {
  const names = (nodes: readonly Node[]): string =>
    nodes.length === 0 ? 'nothing' : nodes.map(({ name }) => name).join(', ');
  return replacements(before, after)
    .filter(shown)
    .map(({ removed, inserted }) =>
      [
        oneLine(`${names(removed)} → ${names(inserted)}`),
        ...removed.map((node) => `  - ${formatNode(before, node)}`),
        ...inserted.map((node) => `  + ${formatNode(after, node)}`),
        '',
      ].join('\n'),
    )
    .join('\n');
}
