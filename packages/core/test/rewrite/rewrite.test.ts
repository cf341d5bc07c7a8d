import { PlanError } from '@arfuse/contract';
import { checkDefinitions } from '@arfuse/graph';
import { findSites } from '@arfuse/patterns';
import { describe, expect, it } from 'vitest';
import { rewrite, segmentFor } from '../../src/index.ts';
import { fixture, graphOf, planFor, TEXTS } from '../verify/graphs.ts';

const CAPTURES = [
  'graphs/llama3-8b.tp2.fx.txt.gz',
  'graphs/qwen3-8b.tp2.fx.txt.gz',
  'graphs/deepseek-v2-lite.tp2.fx.txt.gz',
  'pt2/gemma3-tiny.tp2.pt2',
  'pt2/qwen3-moe-tiny.tp2.pt2',
  'pt2/llama-tiny.tp2.pt2',
  'llama-tiny-gloo/rank0.post_grad.print_readable.txt',
];

describe('rewrite', () => {
  it.each(CAPTURES)('replaces every site of %s and shares the rest', async (path) => {
    const graph = await fixture(path);
    const plan = planFor(graph);
    const { sites } = findSites(graph);
    const covered = new Set(sites.flatMap((site) => site.covered));
    const produced = new Set(sites.flatMap((site) => site.outputs.map(({ value }) => value)));
    for (const tokens of [undefined, 1, 8192]) {
      const rewritten = rewrite(graph, plan, tokens === undefined ? {} : { tokens });
      expect(() => checkDefinitions(rewritten)).not.toThrow();
      const nodes = new Set(rewritten.nodes);
      expect(rewritten.nodes.filter(({ id }) => covered.has(id))).toEqual([]);
      for (const node of graph.nodes) {
        if (covered.has(node.id)) continue;
        const values = [...node.args, ...Object.values(node.kwargs)];
        const isRepointed = JSON.stringify(values, (_, value) =>
          typeof value === 'bigint' ? String(value) : value,
        );
        const reads = [...isRepointed.matchAll(/"kind":"value","id":(\d+)/g)].map(([, id]) =>
          Number(id),
        );
        if (!reads.some((id) => produced.has(id))) expect(nodes.has(node), node.name).toBe(true);
      }
      const added = rewritten.nodes.filter(({ op }) => op.startsWith('arfuse.'));
      const steps =
        tokens === undefined
          ? sites.length
          : plan.sites.reduce(
              (sum, site) => sum + segmentFor(plan, site.class, tokens).steps.length,
              0,
            );
      expect(added.length).toBe(steps);
      expect(rewritten.outputs.length).toBe(graph.outputs.length);
      expect(findSites(rewritten).sites).toEqual([]);
    }
  });

  it.each(Object.keys(TEXTS).filter((name) => name !== 'two groups'))(
    'makes a node per step: %s',
    (name) => {
      const graph = graphOf(name);
      const plan = planFor(graph);
      for (const { class: id, segments } of plan.decisions) {
        for (const { tokens, mode, steps } of segments) {
          const rewritten = rewrite(graph, plan, { tokens: tokens[0], mode });
          const own = rewritten.nodes.filter(
            ({ kwargs }) => kwargs.class?.kind === 'string' && kwargs.class.value === id,
          );
          expect(own.map(({ kwargs }) => kwargs.kernel)).toEqual(
            plan.sites
              .filter((site) => site.class === id)
              .flatMap(() => steps.map((step) => ({ kind: 'string', value: step.kernel }))),
          );
        }
      }
    },
  );

  it('leads the residual from one site to the next', () => {
    const graph = graphOf('two sites');
    const rewritten = rewrite(graph, planFor(graph));
    const [first, second] = rewritten.nodes.filter(({ op }) => op === 'arfuse.site');
    const { residual } = second!.kwargs;
    expect(residual?.kind === 'value' && first!.outputs.includes(residual.id)).toBe(true);
  });

  it('refuses a plan of another graph', () => {
    const plan = planFor(graphOf('AR+add+RMS'));
    expect(() => rewrite(graphOf('two sites'), plan)).toThrow(PlanError);
    expect(() => rewrite(graphOf('AR+add+RMS', 'f16'), plan)).toThrow(PlanError);
  });

  it.each([0, 8193, 1.5, -1])('refuses %d tokens', (tokens) => {
    const graph = graphOf('AR+add+RMS');
    expect(() => rewrite(graph, planFor(graph), { tokens })).toThrow(PlanError);
  });
});
