import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { arfuse, badLines, sharedFixture, sharedMissing, TARGET } from './cli.ts';

/** Every file and folder below one. */
function walk(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return [path, ...readdirSync(path).flatMap((name) => walk(join(path, name)))];
}

const reason = sharedMissing === undefined ? '' : ` (skipped: ${sharedMissing})`;

describe.skipIf(sharedMissing !== undefined)(`third-party captures${reason}`, () => {
  it.each([
    'fx/vllm-qwen2-tp',
    'fx/torch-trace',
    'fx/sglang-dynamo',
    'fx/entangle-megatron-gpt',
    'vllm',
  ])('everything in %s is shown, or refused in a sentence', async (folder) => {
    for (const path of walk(sharedFixture(folder))) {
      for (const args of [
        ['inspect', path],
        ['plan', path, '--target', TARGET],
      ]) {
        const { code, out, err } = await arfuse(args);
        expect(badLines(out), args.join(' ')).toEqual([]);
        expect(err).not.toContain('ARFUSE_INTERNAL');
        expect(code === 0 ? out : err, args.join(' ')).toMatch(
          code === 0 ? /all-reduce/ : /^error ARFUSE_(GRAPH_FORMAT|UNSUPPORTED): \S+: .*\.$/m,
        );
      }
    }
  });

  it('a reduction other than a sum is plain', async () => {
    const path = sharedFixture('fx/torch-trace/rank0.f0.0.before_post_grad_graph.txt');
    const { out } = await arfuse(['inspect', path]);
    expect(out).toContain('`all_reduce` reduces by "avg"; only sums can be fused.');
  });

  it('an op that vLLM has fused already is planned as a class', async () => {
    const path = sharedFixture(
      'vllm/v0.32.0-llama-ir-fused/dump/rank_0_dp_0/__compiled_fn_1.post_grad.1.AllReduceFusionPass.after.0.py.gz',
    );
    const { out } = await arfuse(['plan', path, '--target', TARGET]);
    expect(out).toContain('0 sites (0 merged), 0 plain, 1 already fused');
    expect(out).toMatch(/^c0 +1 × ar_rms, already fused +1–/m);
  });
});
