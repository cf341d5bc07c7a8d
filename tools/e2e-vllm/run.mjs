// Builds vLLM's own configuration from exported plans: `pnpm e2e:vllm`, after `pnpm build`. Downloads 5 GB, so it is no
// part of `pnpm verify`; its last result is docs/results/e2e-vllm.json.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../src/lib/root.mjs';
import { plainEnvironment, run, stopChildrenOnSignal, tool } from '../src/lib/run.mjs';
import { requireBuilt } from '../src/lib/workspace.mjs';
import { install, Refusal } from './install.mjs';

const VERSION = '0.32.0';
const RESULT = 'docs/results/e2e-vllm.json';

function options() {
  try {
    const { values } = parseArgs({
      options: {
        venv: { type: 'string', default: join(repositoryRoot, '.cache/e2e-vllm/venv') },
        python: { type: 'string', default: 'python3' },
        out: { type: 'string', default: join(repositoryRoot, RESULT) },
      },
    });
    return { venv: resolve(values.venv), python: values.python, out: resolve(values.out) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    console.error(
      `${reason}\nusage: pnpm e2e:vllm [--venv FOLDER] [--python PROGRAM] [--out FILE]`,
    );
    process.exit(2);
  }
}

/**
 * vLLM's own answers to the cases.
 *
 * @param {string} python
 * @param {unknown} input
 */
async function check(python, input) {
  const folder = mkdtempSync(join(tmpdir(), 'arfuse-e2e-vllm-'));
  const result = join(folder, 'result.json');
  const program = fileURLToPath(new URL('check.py', import.meta.url));
  try {
    /** @type {{ code: number | null, output: string }} */
    const { code, output } = await new Promise((done, failed) => {
      let said = '';
      const child = spawn(python, [program, result], {
        cwd: folder,
        env: { ...plainEnvironment(), VLLM_NO_USAGE_STATS: '1', HF_HUB_OFFLINE: '1' },
      });
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => {
          said += text;
        });
      }
      child.on('error', failed);
      child.on('close', (exit) => done({ code: exit, output: said }));
      child.stdin.end(JSON.stringify(input));
    });
    if (code !== 0) throw new Refusal(`vLLM's configuration cannot be built:\n${output}`);
    return JSON.parse(readFileSync(result, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

stopChildrenOnSignal();
const { venv, python, out } = options();
requireBuilt('core', 'engines', 'flashinfer', 'symm-mem');
const { cases, limits, REFUSED, tables } = await import('./cases.mjs');
try {
  const input = {
    cases: await cases(VERSION),
    limits: limits(),
    refused: REFUSED,
    tables: tables(VERSION),
  };
  const own = await install({ venv, python, version: VERSION });
  const { versions, ...found } = await check(own, input);
  const problems = [
    ...found.cases.flatMap((/** @type {{ name: string, passed: Record<string, boolean> }} */ one) =>
      Object.entries(one.passed)
        .filter(([, passed]) => !passed)
        .map(([name]) => `${one.name}: ${name}: no`),
    ),
    ...found.refused
      .filter((/** @type {{ says: string | null }} */ { says }) => says === null)
      .map((/** @type {{ config: unknown }} */ { config }) => `taken: ${JSON.stringify(config)}`),
    ...(found.limits.wrong.length === 0
      ? []
      : [`${found.limits.wrong.length} limits are divided otherwise`]),
    ...(found.tablesEqual ? [] : ['the size tables differ']),
  ];
  const { version } = JSON.parse(
    readFileSync(join(repositoryRoot, 'packages/engines/package.json'), 'utf8'),
  );
  const date = new Date().toISOString().slice(0, 10);
  mkdirSync(join(out, '..'), { recursive: true });
  writeFileSync(
    out,
    JSON.stringify({
      date,
      versions: { '@arfuse/engines': version, ...versions },
      problems,
      ...found,
    }),
  );
  await run(tool('@biomejs/biome', 'biome', 'format', '--write', out));
  for (const problem of problems) console.error(problem);
  console.log(
    `vLLM ${versions.vllm}: ${found.cases.length} exports, ${found.limits.tried} limits, ${found.refused.length} refusals, ${problems.length} problems: ${out}`,
  );
  process.exitCode = problems.length > 0 ? 1 : 0;
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
