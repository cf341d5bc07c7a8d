import { formatStages } from '@arfuse/contract';
import type { Graph, NodeId, ValueId } from '@arfuse/graph';
import type { Miss } from '../matching.ts';
import type { AllReduceOp } from '../spellings/canonical.ts';
import type { Lifted } from '../spellings/lifted.ts';
import type { MatchStatistics } from '../statistics.ts';
import { type Draft, draft } from './draft.ts';
import type { Fusion } from './fusion.ts';
import { extend, start, type Walk, type WalkContext } from './walk.ts';

/** What was found at one all-reduce: sites from best to worst, or else the best miss. */
export type Attempts =
  | { readonly op: AllReduceOp; readonly drafts: readonly [Draft, ...Draft[]] }
  | { readonly op: AllReduceOp; readonly drafts: readonly []; readonly miss: Miss };

const PHASES = ['structure', 'use', 'check'] as const;

/** Tries every fusion at one all-reduce. */
export function attemptsAt(
  op: AllReduceOp,
  fusions: readonly Fusion[],
  lifted: Lifted,
  statistics?: MatchStatistics,
): Attempts {
  const plain = (node: NodeId, reason: string): Attempts => ({
    op,
    drafts: [],
    miss: { allReduce: op.node, phase: 'structure', node, reason },
  });
  const { graph, flow } = lifted;
  if (op.reduce !== 'sum')
    return plain(
      op.node,
      `\`${graph.node(op.node).name}\` reduces by "${op.reduce}"; only sums can be fused.`,
    );
  if (op.tensors > 1) {
    const reason = `\`${graph.node(op.node).name}\` reduces ${op.tensors} tensors in one call; a fused form takes one.`;
    return { op, drafts: [], miss: { allReduce: op.node, phase: 'check', node: op.node, reason } };
  }
  const shape = graph.shape(op.input);
  if (shape && shape.length < 2)
    return plain(
      op.node,
      `\`${graph.node(op.node).name}\` reduces a tensor with ${shape.length === 1 ? 'one dimension' : 'no dimension'}: there are no rows to norm.`,
    );
  const first = start(op, lifted);
  if (!first) return plain(op.node, `nothing holds the result of \`${graph.node(op.node).name}\`.`);
  const context: WalkContext = {
    lifted,
    dtype: flow.dtype(op.outputs[0]!),
    hidden: flow.lastDim(op.input),
  };

  const complete: Walk[] = [];
  let furthest = first;
  for (const fusion of fusions) {
    const run = (): readonly Walk[] => {
      const found: Walk[] = [];
      follow(first, fusion, 0, context, found, (walk) => {
        if (walk.stages.length > furthest.stages.length) furthest = walk;
      });
      return found;
    };
    complete.push(...(statistics ? statistics.count(fusion.name, run) : run()));
  }
  const ranked = complete
    .map((walk, index) => ({ walk, index }))
    .sort((a, b) => b.walk.stages.length - a.walk.stages.length || a.index - b.index);
  const drafts: Draft[] = [];
  let miss: Miss | undefined;
  let best = -1;
  for (const { walk } of ranked) {
    const attempt = draft(walk, lifted);
    if ('draft' in attempt) {
      drafts.push(attempt.draft);
      continue;
    }
    const rank = attempt.late ? 0 : PHASES.indexOf(attempt.miss.phase);
    if (rank > best) {
      best = rank;
      miss = { allReduce: op.node, ...attempt.miss, reason: sentence(attempt.miss.reason) };
    }
  }
  const [top, ...others] = drafts;
  return top
    ? { op, drafts: [top, ...others] }
    : { op, drafts: [], miss: miss ?? structureMiss(op, furthest, lifted) };
}

function follow(
  walk: Walk,
  fusion: Fusion,
  index: number,
  context: WalkContext,
  found: Walk[],
  seen: (walk: Walk) => void,
): void {
  const step = fusion.steps[index];
  if (!step) {
    found.push(walk);
    return;
  }
  for (const longer of extend(walk, step.stage, context)) {
    seen(longer);
    follow(longer, fusion, index + 1, context, found, seen);
  }
  if (step.optional) follow(walk, fusion, index + 1, context, found, seen);
}

/** Says where the chain broke off, naming the node that stands there. */
function structureMiss(op: AllReduceOp, walk: Walk, lifted: Lifted): Miss {
  const { graph, flow } = lifted;
  const miss = (node: NodeId, reason: string): Miss => ({
    allReduce: op.node,
    phase: 'structure',
    node,
    reason: sentence(reason),
  });
  const started = walk.stages.length > 1;
  const after = started ? `after ${formatStages(walk.stages)}, ` : '';
  const refusal = lifted.rejected(walk.value)[0];
  if (refusal) return miss(refusal.node, `${after}${refusal.reason}.`);
  const { readers } = flow.dataOf(walk.value);
  const name = quoted(graph, readers[0]?.value ?? walk.value);
  const nodes = readers.flatMap(({ node }) => (node ? [node] : []));
  if (readers.length === 0)
    return miss(
      walk.last,
      `${after}nothing in this graph reads ${name}; its norm, if there is one, is in another graph.`,
    );
  const next = nodes[0];
  if (!next)
    return miss(
      walk.last,
      `${after}${name} goes out of this graph; its norm, if there is one, is in another graph (a split site).`,
    );
  const crossing = crossGroup(op, walk, lifted);
  if (crossing) return miss(crossing.node, crossing.reason);
  const changed = next.outputs.some((id) => {
    const { source } = graph.value(id);
    return source.kind === 'write' && flow.root(source.of) === flow.root(walk.value);
  });
  if (changed)
    return miss(
      next.id,
      `${after}\`${next.name}\` (${next.op}) changes ${name} in place before any norm reads it.`,
    );
  const who = `\`${next.name}\` (${next.op})${nodes.length > 1 ? ` and ${nodes.length - 1} more read` : ' reads'}`;
  const what = started
    ? 'no RMSNorm over its rows'
    : 'neither a residual addition nor an RMSNorm over its rows';
  return miss(next.id, `${after}${who} ${name}: ${what}.`);
}

/** A sum with the result of another group's all-reduce is no chain of either group. */
function crossGroup(
  op: AllReduceOp,
  walk: Walk,
  lifted: Lifted,
): { node: NodeId; reason: string } | undefined {
  const { graph, flow } = lifted;
  for (const { node } of flow.dataOf(walk.value).readers) {
    for (const arg of node?.args ?? []) {
      const other = arg.kind === 'value' ? lifted.reducedBy(arg.id) : undefined;
      if (!node || !other || other.group === op.group) continue;
      const reason = `\`${node.name}\` joins it with \`${graph.node(other.node).name}\` of another group ("${op.group}" and "${other.group}").`;
      return { node: node.id, reason };
    }
  }
  return undefined;
}

/** A value's name in the source: a changed tensor goes by its own name. */
function quoted(graph: Graph, value: ValueId): string {
  const { name, source, node } = graph.value(value);
  if (source.kind !== 'write' || node === null) return `\`${name}\``;
  let base = graph.value(source.of);
  while (base.source.kind === 'write') base = graph.value(base.source.of);
  return `\`${base.name}\` as \`${graph.node(node).name}\` leaves it`;
}

/** With a capital, unless a name comes first. */
export function sentence(text: string): string {
  return text.startsWith('`') ? text : text.charAt(0).toUpperCase() + text.slice(1);
}
