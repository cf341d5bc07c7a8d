import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import {
  exportJson,
  exportTensorRtLlm,
  exportVllm,
  fusionMaxTokens,
  type Plan,
  parsePlan,
  plan,
  printPlan,
  readGraph,
  VLLM_VERSIONS,
} from '../../src/index.ts';

const FIXTURES = new URL('../../../../fixtures/', import.meta.url);

async function planOf(path: string, world: number, fused = true): Promise<Plan> {
  const { programs } = await readGraph(new URL(path, FIXTURES));
  return plan(programs[0]!.graph, {
    target: `h200-sxm,world=${world}`,
    use: fused ? [flashinfer(), symmMem()] : [symmMem()],
  });
}

const CASES = [
  ['llama3-8b', 2, 4096],
  ['llama3-8b', 4, 4096],
  ['llama3-8b', 8, 4096],
  ['qwen3-8b', 8, 4096],
  ['deepseek-v2-lite', 2, 2048],
  ['deepseek-v2-lite', 8, 2048],
] as const;

const graph = (model: string) => `graphs/${model}.tp2.fx.txt.gz`;

/** The last row count that a decision fuses without a gap. */
const prefixOf = ({ segments }: Plan['decisions'][number]): number => {
  let end = 0;
  for (const { steps, tokens } of segments) {
    if (!steps.some(({ kernel }) => kernel.startsWith('@arfuse/flashinfer/'))) break;
    end = tokens[1];
  }
  return end;
};

describe('exports of captured graphs', () => {
  it.each(CASES)(
    '%s on %i GPUs: vLLM fuses exactly the planned rows',
    async (model, world, hidden) => {
      const made = await planOf(graph(model), world);
      for (const engineVersion of VLLM_VERSIONS) {
        const { config, fusedUpTo, table } = exportVllm(made, { engineVersion });
        const planned = prefixOf(made.decisions[0]!);
        expect(fusedUpTo).toBe(planned);
        expect(planned).toBeGreaterThan(1);
        const mb = config.pass_config.fi_allreduce_fusion_max_size_mb!;
        expect(fusionMaxTokens(mb, hidden, 2)).toBe(planned);
        expect(config.compile_ranges_endpoints).toEqual([planned]);
        expect(table).toMatchObject({ capability: 90, groupSize: world, fusedMiB: mb });
        expect(table!.evidence.length).toBeGreaterThan(0);
      }
    },
  );

  it('names every class of a mixture of experts that vLLM cannot fuse', async () => {
    const made = await planOf(graph('deepseek-v2-lite'), 2);
    const { cannotExpress } = exportVllm(made);
    const merged = made.classes.filter(({ stages }) => stages.some(({ kind }) => kind === 'merge'));
    expect(merged.length).toBeGreaterThan(0);
    for (const { id } of merged) {
      expect(cannotExpress.filter((one) => one.startsWith(`${id} `))).not.toEqual([]);
    }
  });

  it('switches the fusion off where the plan has no fused kernel', async () => {
    const made = await planOf(graph('llama3-8b'), 8, false);
    const { config, fusedUpTo, table, limitReason } = exportVllm(made);
    expect(config).toEqual({ pass_config: { fuse_allreduce_rms: false } });
    expect([fusedUpTo, table]).toEqual([0, undefined]);
    expect(limitReason).toBe('The plan fuses nothing that vLLM can fuse.');
    const { autoDeploy } = exportTensorRtLlm(made).config;
    expect(autoDeploy.transforms.fuse_allreduce_residual_rmsnorm.enabled).toBe(false);
  });

  it.each(['pt2/llama-tiny.tp2.pt2', 'pt2/gemma3-tiny.tp2.pt2', 'pt2/qwen3-moe-tiny.tp2.pt2'])(
    '%s: the JSON export is the plan document, and reads back',
    async (path) => {
      const made = await planOf(path, 2);
      const { text } = exportJson(made);
      expect(text).toBe(printPlan(made));
      expect(printPlan(parsePlan(text))).toBe(text);
      const { config, cannotExpress } = exportTensorRtLlm(made);
      expect(config.llmArgs.allreduce_strategy).toMatch(/^[A-Z_]+$/);
      expect(cannotExpress.length).toBeGreaterThan(0);
    },
  );
});
