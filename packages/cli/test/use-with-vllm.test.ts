import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arfuse, sharedFixture } from './cli.ts';

const page = readFileSync(new URL('../../../docs/vllm.md', import.meta.url), 'utf8');
const cache = sharedFixture('vllm/v0.32.0-llama-ir/torch_compile_cache/77d4499681');
/** How the page names the cache. */
const NAMED = '~/.cache/vllm/torch_compile_cache/77d4499681';

/** Commands of the page with the output that it shows; `…` ends an output that goes on. */
const blocks = [...page.matchAll(/^```console\n\$ arfuse (.*)\n([\s\S]*?)^```$/gm)].map(
  ([, command = '', output = '']) => ({ command, output }),
);

describe('docs/vllm.md', () => {
  it('walks through inspect, plan, engine and export', () => {
    expect(blocks.map(({ command }) => command.split(' ')[0])).toEqual([
      'inspect',
      'plan',
      'engine',
      'engine',
      'export',
    ]);
  });

  it.skipIf(!existsSync(cache)).each(blocks)(
    'arfuse $command prints what the page shows (skipped without third-party captures)',
    async ({ command, output }) => {
      const args = command.split(' ').map((arg) => (arg === NAMED ? cache : arg));
      const { code, out, err } = await arfuse(args);
      expect(code, err).toBe(0);
      const shown = out.replaceAll(cache, NAMED);
      if (output.endsWith('\n…\n')) expect(shown.startsWith(output.slice(0, -2))).toBe(true);
      else expect(shown).toBe(output);
    },
  );
});
