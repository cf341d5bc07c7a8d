import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Graph } from '@arfuse/graph';
import { readGraph } from '@arfuse/torch';
import { describe, expect, it } from 'vitest';
import { findSites, type Matching } from '../src/index.ts';

const SHARED =
  process.env.ARFUSE_SHARED_FIXTURES ??
  fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url));
const absent = existsSync(SHARED) ? '' : ` (skipped: no third-party captures at ${SHARED})`;

async function graphs(path: string): Promise<Graph[]> {
  return (await readGraph(`${SHARED}/${path}`)).programs.map(({ graph }) => graph);
}

async function matchings(path: string): Promise<{ graph: Graph; matching: Matching }[]> {
  return (await graphs(path)).map((graph) => ({ graph, matching: findSites(graph) }));
}

/** `pattern × count`, sorted, with merged sites marked. */
function patterns({ sites }: Matching): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const site of sites) {
    const name = `${site.pattern}${site.allReduces.length === 2 ? ' merged' : ''}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe.skipIf(absent !== '')(`captured models${absent}`, () => {
  it.each([
    ['graphs/llama3-8b.tp2.fx.txt.gz', { ar_add_rms: 64 }, 4096, 1e-5],
    ['graphs/llama3-8b.tp2.exported_program.json.gz', { ar_add_rms: 64 }, 4096, 1e-5],
    ['graphs/qwen3-8b.tp2.fx.txt.gz', { ar_add_rms: 72 }, 4096, 1e-6],
    ['graphs/qwen3-8b.tp2.exported_program.json.gz', { ar_add_rms: 72 }, 4096, 1e-6],
    [
      'graphs/deepseek-v2-lite.tp2.fx.txt.gz',
      { ar_add_rms: 28, 'ar_add_rms merged': 26 },
      2048,
      1e-6,
    ],
    [
      'graphs/deepseek-v2-lite.tp2.exported_program.json.gz',
      { ar_add_rms: 28, 'ar_add_rms merged': 26 },
      2048,
      1e-6,
    ],
    ['pt2/llama-tiny.tp2.pt2', { ar_add_rms: 4 }, 64, 1e-5],
    ['pt2/qwen3-moe-tiny.tp2.pt2', { ar_add_rms: 4 }, 32, 1e-6],
    ['pt2/gemma3-tiny.tp2.pt2', { ar_prepost: 4 }, 32, 1e-6],
    ['fx/llama-tiny-gloo/rank0.post_grad.print_readable.txt', { ar_add_rms: 4 }, 64, 1e-5],
    ['fx/llama-tiny-gloo/rank0.post_grad.python_code.txt', { ar_add_rms: 4 }, 64, 1e-5],
    ['fx/llama-tiny-gloo/rank0.post_grad.graph_str.txt', { ar_add_rms: 4 }, 64, 1e-5],
  ])('%s', async (path, expected, hidden, eps) => {
    const [found] = await matchings(path);
    const { matching } = found!;
    expect(patterns(matching)).toEqual(expected);
    expect(matching.misses).toEqual([]);
    for (const site of matching.sites) {
      expect(site.hidden).toBe(hidden);
      expect(site.dtype).toBe('bf16');
      expect(site.stages.find(({ kind }) => kind === 'norm')).toMatchObject({ eps });
    }
  });

  it('reads the same classes from text and from the exported program', async () => {
    for (const model of ['llama3-8b', 'qwen3-8b', 'deepseek-v2-lite']) {
      const [text] = await matchings(`graphs/${model}.tp2.fx.txt.gz`);
      const [json] = await matchings(`graphs/${model}.tp2.exported_program.json.gz`);
      const view = ({ matching }: { matching: Matching }) =>
        matching.sites.map(({ pattern, stages, numerics, hidden, dtype, group, outputs }) => ({
          pattern,
          stages,
          numerics,
          hidden,
          dtype,
          group,
          outputs: outputs.map(({ output }) => output),
        }));
      expect(view(json!)).toEqual(view(text!));
    }
  });

  it('finds four sites at every level of a TORCH_TRACE log', async () => {
    const found = await matchings('fx/llama-tiny-gloo/dedicated_log_torch_trace_rank_0.log.gz');
    expect(found.length).toBeGreaterThan(0);
    for (const { matching } of found) expect(matching.sites).toHaveLength(4);
  });

  it.each([
    'vllm/v0.32.0-llama-cpu-stock/trace/dedicated_log_torch_trace_rank_0_6ar7sud4.log.gz',
    'vllm/v0.32.0-llama-ir/trace/dedicated_log_torch_trace_rank_0_iejaigwq.log.gz',
    'vllm/v0.32.0-llama-ir/torch_compile_cache',
    'vllm/v0.11.0-llama-native/torch_compile_cache',
    'vllm/v0.11.0-llama-customop/torch_compile_cache',
  ])('finds seven sites in %s', async (path) => {
    for (const { matching } of await matchings(path)) {
      expect(patterns(matching)).toEqual({ ar_rms: 1, ar_add_rms: 6 });
      expect(matching.misses).toEqual([]);
    }
  });

  it('finds the escaping all-reduce and the dead residual of vLLM Qwen2', async () => {
    const [two] = await matchings('fx/vllm-qwen2-tp/paral2_layer1.fw.g0.r0.py');
    expect(
      two!.matching.sites.map(({ pattern, outputs }) => [
        pattern,
        outputs.map(({ output }) => output),
      ]),
    ).toEqual([
      ['ar_rms', ['all_reduce', 'norm']],
      ['ar_add_rms', ['residual', 'norm']],
      ['ar_add_rms', ['norm']],
    ]);
    const [one] = await matchings('fx/vllm-qwen2-tp/paral1_layer1.fw.g0.r0.py');
    expect(one!.matching.sites).toEqual([]);
    expect(one!.matching.allReduces).toEqual([]);
  });

  it('reports split sites and fused ops of SGLang', async () => {
    const [embedding] = await matchings('fx/sglang-dynamo/Qwen3-0.6B/rank0_0.py');
    expect(embedding!.matching.sites).toEqual([]);
    expect(embedding!.matching.misses).toMatchObject([
      { phase: 'structure', reason: expect.stringContaining('split site') },
    ]);
    const [layer] = await matchings('fx/sglang-dynamo/Qwen3-0.6B/rank0_9.py');
    expect(layer!.matching.sites).toMatchObject([
      { pattern: 'ar_add_rms', numerics: { normInput: 'unrounded', weightMultiply: 'before' } },
    ]);
    expect(layer!.matching.misses).toHaveLength(1);
    for (const file of ['rank0_14', 'rank0_23']) {
      const [fused] = await matchings(`fx/sglang-dynamo/gpt-oss-20b/${file}.py`);
      expect(fused!.matching.alreadyFused).toMatchObject([
        { pattern: 'ar_add_rms', hidden: 2880, dtype: 'bf16', outputs: ['residual', 'norm'] },
      ]);
      expect(fused!.matching.sites).toEqual([]);
    }
    const [split] = await matchings('fx/sglang-dynamo/gpt-oss-20b/rank0_71.py');
    expect(split!.matching.misses).toMatchObject([
      { phase: 'structure', reason: expect.stringContaining('split site') },
    ]);
    const [head] = await matchings('fx/sglang-dynamo/gpt-oss-20b/rank0_74.py');
    expect(head!.matching.allReduces).toEqual([]);
    expect(head!.matching.otherCollectives).toHaveLength(1);
  });

  it('takes no LayerNorm, no maximum and no average for a site', async () => {
    for (const file of ['paral2_layer1.fw.g0.r0', 'bug_missing_allreduce.tp2.both.g0.r0']) {
      const [found] = await matchings(`fx/entangle-megatron-gpt/${file}.py`);
      expect(found!.matching.sites).toEqual([]);
      expect(found!.matching.misses.length).toBe(found!.matching.allReduces.length);
      expect(found!.matching.misses.some(({ reason }) => reason.includes('"max"'))).toBe(true);
      expect(found!.matching.otherCollectives!.length).toBeGreaterThan(0);
    }
    const [average] = await matchings('fx/torch-trace/rank0.f0.0.aot_inference_graph.txt');
    expect(average!.matching.misses).toMatchObject([
      { phase: 'structure', reason: expect.stringContaining('"avg"') },
    ]);
  });
});

interface ExpectedChain {
  readonly norm: string;
  readonly eps: number;
  readonly ar_users: number;
  readonly residual_out_used?: boolean | string;
}
interface ExpectedFile {
  readonly all_reduce: number;
  readonly chains: number;
  readonly fused_ops: number;
  readonly by_class: Readonly<
    Record<
      string,
      {
        readonly chains: readonly ExpectedChain[];
        readonly fused: readonly { readonly pattern_code?: number }[];
      }
    >
  >;
}

describe.skipIf(absent !== '')(`vLLM compile caches and dumps${absent}`, () => {
  const file = `${SHARED}/vllm/expected.json`;
  const expected = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Partial<ExpectedFile>>)
    : {};
  const listed = Object.entries(expected).filter(
    (entry): entry is [string, ExpectedFile] => entry[1].chains !== undefined,
  );

  it('lists files', () => {
    expect(listed.length).toBeGreaterThan(40);
    expect(readdirSync(`${SHARED}/vllm`).length).toBeGreaterThan(5);
    expect(gunzipSync(readFileSync(`${SHARED}/vllm/${listed[0]![0]}`)).length).toBeGreaterThan(0);
  });

  it.each(listed)('%s', async (path, { all_reduce, chains, fused_ops, by_class }) => {
    const found = await matchings(`vllm/${path}`);
    const sites = found.flatMap(({ matching }) => matching.sites);
    expect(found.flatMap(({ matching }) => matching.allReduces)).toHaveLength(all_reduce);
    expect(sites).toHaveLength(chains);
    expect(found.flatMap(({ matching }) => matching.alreadyFused)).toHaveLength(fused_ops);
    const wanted = Object.values(by_class).flatMap((entry) => entry.chains);
    sites.forEach((site, index) => {
      const chain = wanted[index]!;
      const outputs = site.outputs.map(({ output }) => output);
      expect(site.pattern).toBe(/add/.test(chain.norm) ? 'ar_add_rms' : 'ar_rms');
      expect(site.stages.find(({ kind }) => kind === 'norm')).toMatchObject({ eps: chain.eps });
      expect(outputs.includes('all_reduce')).toBe(chain.ar_users > 1);
      if (typeof chain.residual_out_used === 'boolean')
        expect(outputs.includes('residual')).toBe(chain.residual_out_used);
    });
    const codes = Object.values(by_class).flatMap(({ fused }) => fused);
    found
      .flatMap(({ matching }) => matching.alreadyFused)
      .forEach((fused, index) => {
        if (codes[index]?.pattern_code === 1) expect(fused.pattern).toMatch(/^ar_(add_)?rms$/);
      });
  });
});
