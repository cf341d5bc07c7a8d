import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import { type Plan, parsePlan, plan, printPlan, readGraph } from '../src/index.ts';

const FIXTURES = new URL('../../../fixtures/', import.meta.url);

async function planOfFile(path: string): Promise<Plan> {
  const { programs } = await readGraph(new URL(path, FIXTURES));
  return plan(programs[0]!.graph, { target: 'h200-sxm,world=2', use: [flashinfer(), symmMem()] });
}

describe('captured graphs', () => {
  it.each([
    ['llama3-8b', 64, 64, 0],
    ['qwen3-8b', 72, 72, 0],
    ['deepseek-v2-lite', 80, 54, 26],
  ])(
    '%s: %i all-reduces, %i sites, the same plan hash in both formats',
    async (model, allReduces, sites, merged) => {
      const fx = await planOfFile(`graphs/${model}.tp2.fx.txt.gz`);
      const exported = await planOfFile(`graphs/${model}.tp2.exported_program.json.gz`);
      for (const { summary } of [fx, exported])
        expect(summary).toMatchObject({ allReduces, sites, merged, plain: 0 });
      expect(exported.hash).toBe(fx.hash);
      expect(printPlan(parsePlan(printPlan(fx)))).toBe(printPlan(fx));
    },
  );

  it('plans a sandwich as a fused first norm and a separate second one, or unfused', async () => {
    const decided = await planOfFile('pt2/gemma3-tiny.tp2.pt2');
    expect(decided.classes.map(({ pattern }) => pattern)).toContain('ar_prepost');
    for (const { segments } of decided.decisions) {
      for (const { steps } of segments) expect(steps.length).toBe(2);
    }
  });

  it('carries neither file names nor stack traces of the capture in its slices', async () => {
    const { slices } = await planOfFile('graphs/llama3-8b.tp2.fx.txt.gz');
    const text = JSON.stringify(slices);
    for (const trace of ['.py', 'fixtures/', '"stack"', '"line"', '"labels"']) {
      expect(text.includes(trace), trace).toBe(false);
    }
  });
});
