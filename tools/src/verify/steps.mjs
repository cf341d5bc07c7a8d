import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCounts } from '../lib/checks.mjs';
import { repositoryRoot } from '../lib/root.mjs';
import { plainEnvironment, pnpm, run, tool } from '../lib/run.mjs';
import { readVitestReport } from './vitest-report.mjs';

/**
 * @typedef {{ passed: number, failed: number, skipped: number, details: string, reasons: readonly string[], notes?: readonly string[] }} StepResult
 * @typedef {{ id: string, title: string, needs: readonly string[], run(): Promise<StepResult> }} Step
 */

/** @type {NodeJS.ProcessEnv} */
const env = plainEnvironment();
const LONGEST_DETAILS = 20_000;

/** The end of a long output, where programs say what went wrong. @param {string} output */
function details(output) {
  if (output.length <= LONGEST_DETAILS) return output;
  return `… ${output.length - LONGEST_DETAILS} characters left out\n${output.slice(-LONGEST_DETAILS)}`;
}

/** A program that passes or fails as a whole. @param {() => readonly string[]} command */
function single(command) {
  return async () => {
    const { code, output } = await run(command(), { env });
    const failed = code === 0 ? 0 : 1;
    return { passed: 1 - failed, failed, skipped: 0, details: details(output), reasons: [] };
  };
}

/** A program of tools/ that prints a count line. @param {readonly string[]} args */
function counted(...args) {
  return async () => {
    const { code, output } = await run([process.execPath, ...args], { env });
    const counts = readCounts(output);
    /** @param {RegExp} line */
    const all = (line) => [...output.matchAll(line)].map((match) => match[1] ?? '');
    const reasons = all(/^skipped: (.*)$/gm);
    const notes = all(/^note: (.*)$/gm);
    if (counts && (code === 0) === (counts.failed === 0)) {
      return { ...counts, details: details(output), reasons, notes };
    }
    const why = `\n${args[0]} ended with exit code ${code}`;
    return {
      passed: counts?.passed ?? 0,
      failed: Math.max(1, counts?.failed ?? 0),
      skipped: 0,
      details: details(output) + why,
      reasons,
    };
  };
}

async function install() {
  /** @param {string} path */
  const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined);
  const wanted = read(join(repositoryRoot, 'pnpm-lock.yaml'));
  const present = read(join(repositoryRoot, 'node_modules/.pnpm/lock.yaml'));
  if (wanted !== undefined && wanted === present) {
    return { passed: 1, failed: 0, skipped: 0, details: '', reasons: [] };
  }
  return single(() => pnpm('install', '--frozen-lockfile', '--prefer-offline'))();
}

async function unitTests() {
  const report = join(repositoryRoot, '.cache/verify/vitest.json');
  mkdirSync(join(repositoryRoot, '.cache/verify'), { recursive: true });
  rmSync(report, { force: true });
  const args = [
    'run',
    '--config',
    'tools/vitest.config.ts',
    '--reporter=json',
    `--outputFile=${report}`,
  ];
  const { code, output } = await run(tool('vitest', 'vitest', ...args), { env });
  if (!existsSync(report)) {
    return {
      passed: 0,
      failed: 1,
      skipped: 0,
      details: `vitest wrote no report (exit code ${code})\n${details(output)}`,
      reasons: [],
    };
  }
  const promised = (env.ARFUSE_SHARED_FIXTURES ?? '') !== '';
  const found = JSON.parse(readFileSync(report, 'utf8'));
  const result = readVitestReport(found, repositoryRoot, promised);
  if (code !== 0 && result.failed === 0) return { ...result, failed: 1, details: details(output) };
  return result;
}

/** In the order in which they run: cheap ones first, then what needs the built packages. @type {readonly Step[]} */
export const STEPS = [
  { id: 'install', title: 'packages installed', needs: [], run: install },
  {
    id: 'lint',
    title: 'lint and format',
    needs: ['install'],
    run: single(() => tool('@biomejs/biome', 'biome', 'check', '.', '--max-diagnostics=50')),
  },
  { id: 'house', title: 'house rules', needs: ['install'], run: counted('tools/src/house.mjs') },
  { id: 'types', title: 'types', needs: ['install'], run: counted('tools/src/types.mjs') },
  {
    id: 'build',
    title: 'build',
    needs: ['install'],
    run: single(() => tool('turbo', 'turbo', 'run', 'build', '--output-logs=errors-only')),
  },
  {
    id: 'native',
    title: 'native addon with its CUDA kernels',
    needs: ['build'],
    run: counted('tools/src/native.mjs'),
  },
  {
    id: 'tidy',
    title: 'clang-tidy over the C++ sources',
    needs: ['native'],
    run: counted('tools/src/clang-tidy.mjs'),
  },
  {
    id: 'docs',
    title: 'generated documents current',
    needs: ['build'],
    run: counted('tools/src/docs.mjs', '--check'),
  },
  {
    id: 'test',
    title: 'unit, property and README tests',
    needs: ['install', 'native'],
    run: unitTests,
  },
  {
    id: 'api',
    title: 'API reports',
    needs: ['build'],
    run: counted('tools/src/api.mjs', '--check'),
  },
  {
    id: 'packaging',
    title: 'packaging (publint, attw)',
    needs: ['build'],
    run: counted('tools/src/packaging.mjs'),
  },
  {
    id: 'consumer',
    title: 'packed packages in empty folders',
    needs: ['native'],
    run: counted('tools/src/consumer.mjs'),
  },
  {
    id: 'bundle',
    title: 'bundle on a host without Node',
    needs: ['native'],
    run: counted('tools/src/bundle/check.mjs'),
  },
  {
    id: 'fuzz',
    title: 'fuzzed import, short',
    needs: ['build'],
    run: counted('tools/fuzz/run.mjs', 'import', '--runs', '2000', '--seed', '1'),
  },
];
