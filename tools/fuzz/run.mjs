// Damages real fixtures and reads them: `pnpm fuzz import --runs 100000 --seed 1 [--case N]`.
// Accepted are only a graph that holds together and a typed error, within 5 s and 512 MB per input.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { countLine } from '../src/lib/checks.mjs';
import { repositoryRoot } from '../src/lib/root.mjs';
import { requireBuilt } from '../src/lib/workspace.mjs';
import { corpus } from './corpus.mjs';
import { damaged } from './mutate.mjs';
import { Random } from './random.mjs';

const TIME_LIMIT_MS = 5_000;
const MEMORY_LIMIT_MB = 512;
const MOST_FAILURES = 20;

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        runs: { type: 'string', default: '2000' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        case: { type: 'string' },
        workers: { type: 'string', default: '2' },
      },
    });
    /** @param {'runs' | 'seed' | 'case' | 'workers'} name */
    const number = (name) => {
      const value = Number(values[name]);
      if (!Number.isInteger(value) || value < 0)
        throw new Error(`--${name} must be an integer, not "${values[name]}"`);
      return value;
    };
    if (positionals.length !== 1 || positionals[0] !== 'import')
      throw new Error('say what to fuzz: import');
    const only = values.case === undefined ? undefined : number('case');
    return {
      first: only ?? 0,
      end: only === undefined ? number('runs') : only + 1,
      seed: number('seed'),
      workers: number('workers'),
    };
  } catch (error) {
    console.error(
      `${error instanceof Error ? error.message : error}\nusage: pnpm fuzz import [--runs N] [--seed S] [--case N]`,
    );
    process.exit(2);
  }
}

const { first, end, seed, workers } = options();
requireBuilt('contract', 'graph', 'torch');
const seeds = corpus();
const counts = { parsed: 0, refused: 0 };
/**
 * Failures by their first words, so that one defect is told once.
 * @type {Map<string, { text: string, count: number }>}
 */
const failures = new Map();
let startFailed = false;
let next = first;
const started = Date.now();
let reported = started;

/** @param {number} index @param {string} problem */
function fail(index, problem) {
  const signature = problem.replace(/\d+|"[^"]*"/g, '').slice(0, 80);
  const known = failures.get(signature);
  if (known) {
    known.count += 1;
    return;
  }
  const input = damaged(seeds, new Random(seed, index));
  const file = `.cache/fuzz/import-${seed}-${index}.bin`;
  mkdirSync(join(repositoryRoot, '.cache/fuzz'), { recursive: true });
  writeFileSync(join(repositoryRoot, file), input.bytes);
  const text =
    `case ${index} (from ${input.name}, ${input.bytes.length} bytes): ${problem}\n` +
    `  input: ${file}; again: pnpm fuzz import --seed ${seed} --case ${index}`;
  failures.set(signature, { text, count: 1 });
}

function progress() {
  if (Date.now() - reported < 5_000) return;
  reported = Date.now();
  const done = counts.parsed + counts.refused;
  const rate = (done / ((reported - started) / 1000)).toFixed(0);
  console.error(
    `${next - first}/${end - first}: ${counts.parsed} parsed, ${counts.refused} refused, ${failures.size} kinds of failure, ${rate}/s`,
  );
}

/** Takes cases until there are none. Resolves early when the thread was lost, after noting why. */
function thread() {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: { seed },
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_LIMIT_MB },
    });
    let current = -1;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const leave = () => {
      clearTimeout(timer);
      worker.removeAllListeners();
      worker.terminate().then(resolve);
    };
    /** @param {string} problem */
    const lost = (problem) => {
      if (current >= 0) fail(current, problem);
      else {
        startFailed = true;
        failures.set('start', { text: `the worker did not start: ${problem}`, count: 1 });
      }
      leave();
    };
    worker.on('message', (/** @type {'ready' | import('./worker.mjs').Answer} */ message) => {
      clearTimeout(timer);
      if (message !== 'ready') {
        counts[message.outcome] += 1;
        if (message.problem) fail(message.index, message.problem);
        progress();
      }
      if (next >= end || failures.size >= MOST_FAILURES) return leave();
      current = next++;
      timer = setTimeout(() => lost(`no answer within ${TIME_LIMIT_MS / 1000} s`), TIME_LIMIT_MS);
      worker.postMessage(current);
    });
    worker.on('error', (error) =>
      lost(`more than ${MEMORY_LIMIT_MB} MB, or a crash: ${error.stack ?? error.message}`),
    );
  });
}

async function lane() {
  do await thread();
  while (next < end && failures.size < MOST_FAILURES && !startFailed);
}

console.error(`seed ${seed}, ${end - first} cases`);
await Promise.all(Array.from({ length: Math.max(1, workers) }, lane));
for (const { text, count } of failures.values()) {
  console.log(text + (count > 1 ? `\n  and ${count - 1} more like it` : ''));
}
console.log(
  `${counts.parsed + counts.refused} damaged inputs: ${counts.parsed} parsed, ${counts.refused} refused with a typed error, ` +
    `seed ${seed}, ${((Date.now() - started) / 1000).toFixed(0)} s`,
);
console.log(countLine(failures.size === 0 ? 1 : 0, failures.size === 0 ? 0 : 1, 0));
process.exitCode = failures.size === 0 ? 0 : 1;
