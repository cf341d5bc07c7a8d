import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defineConfig } from '../src/index.ts';
import { arfuse, TARGET, TINY, temporaryFolder } from './cli.ts';

const home = process.cwd();
afterEach(() => process.chdir(home));

function config(name: string, source: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, source);
  return path;
}

async function hash(args: readonly string[]): Promise<string> {
  const { out, err } = await arfuse(['plan', TINY, ...args, '--json']);
  expect(err).toBe('');
  return (JSON.parse(out) as { hash: string }).hash;
}

describe('configuration', () => {
  it.each([
    ['arfuse.config.mjs', `export default { target: '${TARGET}' };`],
    ['arfuse.config.ts', `const target: string = '${TARGET}';\nexport default { target };`],
  ])('%s gives the default target', async (name, source) => {
    const path = config(name, source);
    const expected = await hash(['--target', TARGET]);
    expect(await hash(['--config', path])).toBe(expected);
    process.chdir(join(path, '..'));
    expect(await hash([])).toBe(expected);
    expect(await hash(['--target', 'h200-sxm,world=4'])).not.toBe(expected);
  });

  it('gives a policy', async () => {
    const path = config(
      'arfuse.config.mjs',
      `export default {
        target: '${TARGET}',
        policy: {
          name: 'never fuse',
          decide({ candidates }) {
            const candidate = candidates.find(({ name }) => name === '@arfuse/nccl/all-reduce + @arfuse/native/norm');
            return { kind: 'choose', candidate, evidence: { kind: 'rule', note: 'Told so.' }, reason: 'Told so.' };
          },
        },
      };`,
    );
    const { out } = await arfuse(['plan', TINY, '--config', path]);
    expect(out).toMatch(/nccl\/all-reduce \+ native\/norm +- {2}rule/);
    expect(out).not.toContain('flashinfer/one-shot');
  });

  it.each([
    [
      'export default { world: 8 };',
      /"world" is no setting\. Known settings: use, tables, policy, target\./,
    ],
    ['export default { use: 8 };', /"use" is 8\. It takes a list\./],
    ['export default { policy: null };', /"policy" is null\. It takes a policy\./],
    ['export const target = 1;', /there is no default export\. Write `export default defineConfig/],
    ['export default {', /cannot be loaded: /],
    ["throw new Error('out of paper');", /cannot be loaded: out of paper\./],
  ])('refuses %s', async (source, sentence) => {
    const ran = await arfuse(['plan', TINY, '--config', config('arfuse.config.mjs', source)]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/^error ARFUSE_USAGE: configuration .*arfuse\.config\.mjs/);
    expect(ran.err).toMatch(sentence);
  });

  it('refuses a file that does not exist', async () => {
    const ran = await arfuse(['table', 'list', '--config', 'no.config.mjs']);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain('configuration "no.config.mjs" does not exist.');
  });

  it('adds tables', async () => {
    const path = config(
      'arfuse.config.mjs',
      `export default { tables: [{
        specificationVersion: 1, kind: 'measured', name: '@acme/tables/lab', version: '1.2.3', title: 'Our box',
        synthetic: true, provenance: { source: 'a test' },
        rows: [{
          key: { sku: 'h200-sxm', capability: 90, groupSize: 2, nodes: 1, interconnect: 'nvlink-switch',
            multicast: false, dtype: 'bf16', pattern: 'ar_add_rms', mode: 'graph' },
          tokens: 64, hidden: 4096, itemsize: 2, kernels: ['@arfuse/flashinfer/one-shot'], medianUs: 6.54321,
        }],
      }] };`,
    );
    const { out } = await arfuse(['table', 'list', '--config', path]);
    expect(out).toMatch(/^@acme\/tables\/lab +1\.2\.3 +measured +1 {2}Our box$/m);
    const shown = await arfuse(['table', 'show', '@acme/tables/lab', '--config', path]);
    expect(shown.out).toMatchInlineSnapshot(`
      "@acme/tables/lab@1.2.3  measured, synthetic, 1 row
      Our box
        source: a test

      pattern     gpu       ranks  dtype  mode   hidden  tokens    µs  kernels
      ar_add_rms  h200-sxm      2  bf16   graph    4096      64  6.54  flashinfer/one-shot
      "
    `);
  });

  it('is typed by defineConfig', () => {
    expect(defineConfig({ target: TARGET })).toEqual({ target: TARGET });
  });
});
