import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { arfuse, badLines, temporaryFolder } from './cli.ts';

/** The probe's program, which `pnpm verify` builds before it tests. */
const child = fileURLToPath(new URL('../../../native/dist/probe/child.js', import.meta.url));
const unbuilt = existsSync(child) ? '' : ` (skipped: ${child} is not built)`;

/** An addon that the user names and that is not there: nothing else is tried, whatever this machine has. */
const missing = () => ({
  PATH: process.env.PATH ?? '',
  ARFUSE_NATIVE_BINARY: join(temporaryFolder(), 'missing.node'),
});

describe.skipIf(unbuilt !== '')(`doctor${unbuilt}`, () => {
  it('names what is missing with its fix, and ends with 3', async () => {
    const ran = await arfuse(['doctor'], { env: missing() });
    expect(ran).toMatchObject({ code: 3, err: '' });
    expect(ran.out).toMatch(/^system {4}.*kernel .*\nnode {6}\d+\.\d+\.\d+, Node-API \d+\n/);
    expect(ran.out).toMatch(/^packages {2}@arfuse\/core \d/m);
    expect(ran.out).toMatch(/^addon {5}none\n {10}not .*missing\.node: /m);
    expect(ran.out).toMatch(/^wrong {5}no native addon: .*missing\.node/m);
    expect(ran.out).toMatch(/^ {10}→ /m);
    expect(ran.out).toMatch(
      /\nPlans can run on the reference backend only \(--on reference\)\.\n$/,
    );
    expect(badLines(ran.out)).toEqual([]);
  }, 60_000);

  it('is one document with --json', async () => {
    const ran = await arfuse(['doctor', '--json'], { env: missing() });
    expect(ran).toMatchObject({ code: 3, err: '' });
    expect(JSON.parse(ran.out)).toMatchObject({
      probe: { system: { arch: process.arch }, addon: { loaded: false }, cuda: null, fault: null },
      gpus: [],
      interconnect: { class: 'none' },
      target: null,
      tables: [],
      findings: [{ level: 'red', what: expect.any(String), fix: expect.any(String) }],
      usable: false,
    });
  }, 60_000);

  it('tells no target of a machine without a GPU', async () => {
    const ran = await arfuse(['doctor', '--target'], { env: missing() });
    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toMatch(/^no target can be told of this machine: no native addon/);
    const json = await arfuse(['doctor', '--target', '--json'], { env: missing() });
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'ARFUSE_TARGET_INVALID' } });
  }, 60_000);

  it('refuses a group of no rank', async () => {
    expect((await arfuse(['doctor', '--world', '0'])).code).toBe(2);
  });
});
