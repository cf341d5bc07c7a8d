// NCCL between processes: `pnpm gpu:nccl [--out FILE] [--quick] [--sizes 2,4,8] [--seconds 540]`. Ranks that share the first GPU, each a process and
// to NCCL a host of its own, so that they meet over its socket transport as ranks of several nodes do: results within the bound of
// their numerics class and equal at all ranks, replays of graphs, recovery from a late rank, and a rank that dies. For
// correctness, not for speed.
import { writeFileSync } from 'node:fs';
import { openNccl } from '@arfuse/native';
import { openGpu } from './src/open-gpu.mjs';
import { optionsOf, seedOf } from './src/options.mjs';
import { spawnRanks } from './src/processes/spawn-ranks.mjs';

const {
  out,
  quick,
  sizes,
  seconds: most,
} = optionsOf(import.meta.url, {
  out: { type: 'string' },
  quick: { type: 'boolean', default: false },
  sizes: { type: 'string', default: '2,4,8' },
  /** Most of all together. */
  seconds: { type: 'string', default: '540' },
});
const { facts, binding } = openGpu();
/** @type {import('@arfuse/native').OpenedNccl} */
let nccl;
try {
  nccl = openNccl({ binding });
} catch (error) {
  console.log(`${/** @type {Error} */ (error).message} Nothing was run.`);
  process.exit(3);
}
const { version, file } = nccl.library;
console.log(`NCCL ${version}, ${file}`);

const seed = seedOf();
const TOKENS = [1, 3, 16, 64];
const all = ['bf16', 'f16', 'f32'];
const cases = [
  ...['all-reduce', 'add + norm'].flatMap((chain) =>
    (quick ? ['bf16'] : all).map((dtype) => ({ chain, dtype, hidden: 4096, tokens: TOKENS })),
  ),
  ...(quick ? [] : [2880, 7168]).map((hidden) => ({
    chain: 'add + norm',
    dtype: 'bf16',
    hidden,
    tokens: TOKENS,
  })),
];
const small = { chain: 'add + norm', dtype: 'bf16', hidden: 4096, tokens: [16] };
const TASKS = [
  { kind: 'results', cases, rounds: 0, seconds: 150 },
  { kind: 'recovery', cases: [small], rounds: quick ? 2 : 6, seconds: 100 },
  { kind: 'death', cases: [small], rounds: 0, seconds: 40 },
];
/** A rank that dies is reported within so much time. */
const MOST_MS = 5000;

/** @typedef {{ died?: number, reported?: number, rank?: number, passed?: number, failures?: string[] } & Record<string, unknown>} Told */

/**
 * @param {number} size
 * @param {typeof TASKS[number]} task
 */
async function runTask(size, { seconds, ...task }) {
  const ends = await spawnRanks({
    program: new URL('./src/nccl/rank.mjs', import.meta.url),
    size,
    task: { ...task, seed: seed + size },
    seconds,
    env: (rank) => ({
      NCCL_HOSTID: `arfuse-rank-${rank}`,
      NCCL_SOCKET_IFNAME: 'lo',
      NCCL_NVLS_ENABLE: '0',
      ARFUSE_NCCL_PATH: file,
    }),
  });
  const told = ends.map((end) => /** @type {Told[]} */ (end.reports).at(-1));
  const failures = told.flatMap((one) => one?.failures ?? []);
  const died = told.find((one) => one?.died !== undefined)?.died;
  for (const [rank, end] of ends.entries()) {
    const expected =
      task.kind === 'death' && rank === size - 1 ? end.signal === 'SIGKILL' : end.code === 0;
    if (!expected || told[rank] === undefined)
      failures.push(
        `rank ${rank} ended with ${end.late ? `nothing after ${seconds} s` : (end.signal ?? end.code)}: ${end.errors.trim().split('\n').slice(-4).join(' ')}`,
      );
    const ms = (told[rank]?.reported ?? 0) - (died ?? 0);
    if (told[rank]?.reported !== undefined && (died === undefined || ms > MOST_MS))
      failures.push(
        `rank ${rank} reported the dead rank ${died === undefined ? 'that lives' : `after ${ms} ms`}`,
      );
  }
  const reportedMs = told.flatMap((one) =>
    one?.reported !== undefined && died !== undefined ? [one.reported - died] : [],
  );
  const { rank: _, failures: __, file: ___, reported: ____, ...first } = told[0] ?? {};
  return {
    size,
    kind: task.kind,
    ...first,
    ...(reportedMs.length > 0 ? { reportedMs: Math.max(...reportedMs) } : {}),
    failures: [...new Set(failures)],
  };
}

const results = [];
const end = performance.now() + Number(most) * 1000;
for (const size of sizes.split(',').map(Number))
  for (const task of TASKS) {
    const left = Math.round((end - performance.now()) / 1000);
    const result =
      left > 0
        ? await runTask(size, { ...task, seconds: Math.min(task.seconds, left) })
        : { size, kind: task.kind, failures: [`not run: ${most} s are over`] };
    results.push(result);
    const { failures, ...rest } = result;
    console.log(JSON.stringify({ ...rest, failed: failures.length }));
    for (const failure of failures.slice(0, 6)) console.log(`  ${failure}`);
  }
if (out !== undefined)
  writeFileSync(
    out,
    `${JSON.stringify(
      {
        suite: 'NCCL between processes that share a GPU',
        ...facts,
        nccl: version,
        transport: 'socket, loopback',
        bound:
          'N = 2: bit for bit; N > 2: ((1 + u)^(N - 1) - 1) * sum of magnitudes, u = 2^-8 (bf16), 2^-11 (f16), 2^-24 (f32), and one rounding more with a residual; norms bit for bit those of the sum that was found',
        seed,
        results,
      },
      null,
      2,
    )}\n`,
  );
const failed = results.flatMap(({ failures }) => failures);
console.log(failed.length === 0 ? 'all passed' : `${failed.length} failures`);
process.exitCode = failed.length > 0 ? 1 : 0;
