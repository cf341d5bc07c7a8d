import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { flashinfer } from '@arfuse/flashinfer';
import { describe, expect, it } from 'vitest';
import { type Plan, plan, readGraph } from '../../src/index.ts';

const shared =
  process.env.ARFUSE_SHARED_FIXTURES ??
  fileURLToPath(new URL('../../../../../shared/fixtures', import.meta.url));
const root = `${shared}/vllm`;
const present = existsSync(root);

interface Expected {
  readonly chains: number;
  readonly fused_ops: number;
}

const expected: Readonly<Record<string, Expected>> = present
  ? JSON.parse(readFileSync(`${root}/expected.json`, 'utf8'))
  : {};
/** Dumps of one graph; trace logs hold several and are read elsewhere. */
const dumps = Object.entries(expected).filter(
  ([path, { chains }]) => path.endsWith('.py.gz') && chains !== undefined,
);
const pairs = dumps
  .filter(([path]) => path.includes('AllReduceFusionPass.before.'))
  .map(([path]) => [path, expected[path.replace('.before.', '.after.')]!.fused_ops] as const);

async function inEngine(path: string, engine: string, more = ''): Promise<Plan> {
  const { programs } = await readGraph(`${root}/${path}`);
  return plan(programs[0]!.graph, {
    target: `h200-sxm,world=2${more}`,
    use: [flashinfer()],
    engine,
  });
}

describe.skipIf(!present)("vLLM's own matcher (skipped without third-party captures)", () => {
  it('has before and after pairs to be held against', () => {
    expect(pairs.length).toBeGreaterThanOrEqual(9);
    expect(pairs.reduce((sum, [, fused]) => sum + fused, 0)).toBeGreaterThanOrEqual(12);
  });

  it.each(pairs)('%s: fuses the %i sites that vLLM itself replaced', async (path, fused) => {
    for (const engine of ['vllm@0.32', 'vllm@0.33']) {
      const { summary, engine: of } = await inEngine(path, engine);
      expect(summary.engineFused).toBe(fused);
      for (const { pattern, covers, reasons } of of!.sites) {
        expect(pattern).toMatch(/^AllReduce(FusedAdd)?RMSNormPattern$/);
        expect(covers.at(-1)).toBe('norm');
        expect(reasons).toEqual([]);
      }
    }
  });

  it.each(dumps)('%s: fuses every chain of the dump', async (path, { chains }) => {
    const { summary } = await inEngine(path, 'vllm@0.32');
    expect(summary.engineFused).toBe(chains);
  });

  it('fuses the seven sites of a whole compile cache, from either rank', async () => {
    for (const rank of ['0', '1']) {
      const path = `v0.32.0-llama-ir/torch_compile_cache/77d4499681/rank_${rank}_0/backbone/computation_graph.py.gz`;
      expect((await inEngine(path, 'vllm@0.32')).summary).toMatchObject({
        sites: 7,
        engineFused: 7,
      });
    }
  });

  it('warns by name of a graph from another version', async () => {
    const [custom] = dumps.find(
      ([path]) => path.includes('v0.11.0-llama-customop') && path.includes('before_split'),
    )!;
    const old = await inEngine(custom, 'vllm@0.33');
    expect(old.engine!.warnings).toEqual([
      expect.stringMatching(
        /^The graph spells norms as _C\.(fused_add_)?rms_norm.*vLLM 0\.33 matches vllm_ir norms/,
      ),
    ]);
    const [fresh] = dumps.find(
      ([path]) => path.includes('v0.32.0-llama-ir/') && path.includes('before_split'),
    )!;
    expect((await inEngine(fresh, 'vllm@0.32')).engine!.warnings).toEqual([]);
    const [fused] = dumps.find(([path]) => path.includes('AllReduceFusionPass.after.0'))!;
    expect((await inEngine(fused, 'vllm@0.32')).engine!.warnings).toEqual([
      expect.stringMatching(/it was dumped after vLLM's fusion/),
    ]);
  });
});
