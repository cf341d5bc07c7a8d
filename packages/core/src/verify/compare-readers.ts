import type { ValueId } from '@arfuse/graph';
import type { PairedSite } from '../rewrite/pair-sites.ts';
import { SITE_OP } from '../rewrite/rewrite.ts';
import { textOf, valueOf, valuesOf } from './args.ts';
import type { CapturedWindow } from './captured-window.ts';
import type { ChainVerification } from './report.ts';
import {
  isRewritten,
  type Launch,
  type Rewritten,
  RewrittenWindow,
  rewrittenSegment,
} from './rewritten-window.ts';
import { MISSING, worstDifference } from './worst-difference.ts';

/** A reader outside of the window: what it read in the captured graph and what it reads in the rewritten one. */
type Compare = (reader: string, was: ValueId, reads: ValueId) => void;

/**
 * Evaluates the sites of a window in the rewritten graph and compares what every reader of their results reads.
 * @param all - every site of the plan
 */
export function compareReaders(
  captured: CapturedWindow,
  rewritten: Rewritten,
  all: readonly PairedSite[],
): ChainVerification {
  const { graph, sites } = captured;
  const window = new RewrittenWindow(captured, rewritten, all);
  const failures: ChainVerification['failures'][number][] = [];
  let readers = 0;
  eachReader(captured, rewritten, window, (reader, was, reads) => {
    const expected = captured.results.get(was);
    const found = window.find(reads);
    if (!expected && !window.owns(reads)) return;
    readers += 1;
    const difference =
      expected && found ? worstDifference(expected, found, sites[0]!.class.dtype) : MISSING;
    if (!difference) return;
    const name = rewritten.graph.value(reads).name;
    failures.push({ reader, reads: name, was: graph.value(was).name, difference });
  });
  const [first, second] = sites.map(({ site }) => site.id);
  return {
    sites: second === undefined ? [first!] : [first!, second],
    steps: sites.map((paired) => stepsOf(rewritten, paired)),
    passed: failures.length === 0,
    readers,
    failures,
  };
}

/** Names of the steps of a rewritten site. */
export function stepsOf(launch: Launch, paired: PairedSite): string {
  if (launch.tokens === undefined) return SITE_OP;
  const { steps } = rewrittenSegment(launch, paired);
  return steps.map((step) => step.kernel).join(' + ');
}

function eachReader(
  { graph, covered }: CapturedWindow,
  { graph: rewritten }: Rewritten,
  { others }: RewrittenWindow,
  compare: Compare,
): void {
  const pairs = (reader: string, before: readonly ValueId[], after: readonly ValueId[]): void => {
    before.forEach((was, i) => {
      if (after[i] !== undefined) compare(reader, was, after[i]);
    });
  };
  const kept = new Map(rewritten.nodes.map((node) => [node.id, node]));
  for (const node of graph.nodes) {
    const now = covered.has(node.id) ? undefined : kept.get(node.id);
    if (now) pairs(node.name, valuesOf(node.args, node.kwargs), valuesOf(now.args, now.kwargs));
  }
  for (const node of rewritten.nodes) {
    const other = isRewritten(node) ? others.get(textOf(node.kwargs.site)) : undefined;
    if (!other) continue;
    const { partials, residual } = other.match.inputs;
    const now = valueOf(node.kwargs.residual);
    if (residual !== undefined && now !== undefined) compare(node.name, residual, now);
    // Steps read intermediate results, which the captured graph has not.
    if (node.op === SITE_OP) pairs(node.name, partials, valuesOf(node.args));
  }
  pairs('the program output', valuesOf(graph.outputs), valuesOf(rewritten.outputs));
  pairs(
    'an input changed in place',
    graph.inputWrites.map((write) => write.value),
    rewritten.inputWrites.map((write) => write.value),
  );
}
