import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { faultOf, type Task } from '../gpu/src/processes/process-cases.mjs';
import { type RankEnd, spawnRanks } from '../gpu/src/processes/spawn-ranks.mjs';

function program(text: string): URL {
  const folder = mkdtempSync(join(tmpdir(), 'arfuse-ranks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'rank.mjs');
  writeFileSync(path, text);
  return pathToFileURL(path);
}

it('starts a process per rank as a launcher would, and reads its reports', async () => {
  const ends = await spawnRanks({
    program: program(
      'const { RANK, WORLD_SIZE, MASTER_ADDR, ARFUSE_PORT, ARFUSE_TASK, EXTRA } = process.env;' +
        'console.log(JSON.stringify({ RANK, WORLD_SIZE, MASTER_ADDR, task: JSON.parse(ARFUSE_TASK), EXTRA }));' +
        'console.log("no report"); console.error("warned"); process.exit(Number(RANK) * 7);',
    ),
    size: 2,
    task: { a: 1 },
    seconds: 30,
    env: (rank) => ({ EXTRA: `x${rank}` }),
  });
  expect(ends.map(({ code, late }) => [code, late])).toEqual([
    [0, false],
    [7, false],
  ]);
  expect(ends[1]!.reports).toEqual([
    { RANK: '1', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', task: { a: 1 }, EXTRA: 'x1' },
  ]);
  expect(ends[1]!.errors).toContain('warned');
});

it('ends what is not done in time', async () => {
  const begun = Date.now();
  const [end] = await spawnRanks({
    program: program('console.log("{}"); setInterval(() => {}, 1000);'),
    size: 1,
    task: null,
    seconds: 1,
  });
  expect(end).toMatchObject({ late: true, signal: 'SIGKILL', reports: [{}] });
  expect(Date.now() - begun).toBeLessThan(20_000);
});

const task: Task = {
  collective: '@arfuse/symm-mem/one-shot',
  chain: 'add + norm',
  dtype: 'bf16',
  hidden: 64,
  tokens: [1],
  runs: 1,
  seed: 1,
  capability: 90,
};
const end = (...reports: object[]): RankEnd =>
  ({ code: 0, signal: null, late: false, errors: '', reports }) as RankEnd;
const launch = (digest = 'a', faults: string[] = []) => ({
  rows: 1,
  seed: 1,
  ms: 1,
  digests: { norm: digest },
  faults,
});
const lost = (ms: number, ended = 'ARFUSE_PEER_LOST') => ({ ended, ms, missing: [1] });

const stuck = (held: number[]) => ({ ...lost(1, 'ARFUSE_DEVICE'), held });

it.each<[string, Partial<Task>, RankEnd[], string | undefined]>([
  ['right', {}, [end(launch()), end(launch())], undefined],
  ['another result', {}, [end(launch()), end(launch('b'))], 'ranks 0 and 1 differ'],
  ['a wrong result', {}, [end(launch('a', ['"norm" is 1 ULP off'])), end(launch())], '1 ULP off'],
  ['a launch too few', {}, [end(launch()), end()], 'rank 1 reported 0 launches, not 1'],
  ['a crash', {}, [end(launch()), { ...end(), code: 1, errors: 'no' }], 'rank 1 ended with 1: no'],
  ['no end', {}, [end(launch()), { ...end(), late: true }], 'rank 1 was not done in time'],
  [
    'a dead rank in time',
    { dies: 1 },
    [end(launch(), lost(4999)), { ...end(launch()), code: null, signal: 'SIGKILL' }],
    undefined,
  ],
  [
    'a dead rank too late',
    { dies: 1 },
    [end(launch(), lost(5001)), end(launch())],
    'reported the dead rank after 5001 ms',
  ],
  [
    'a dead rank unnoticed',
    { dies: 1 },
    [end(launch(), { ended: null, ms: 1 }), end(launch())],
    'rank 0 reported no error',
  ],
  [
    'a late rank by another name',
    { late: 0 },
    [
      end(launch(), lost(1, 'ARFUSE_DEADLINE'), launch()),
      end(launch(), lost(1, 'ARFUSE_DEADLINE'), launch()),
    ],
    'called [1] missing, not rank 0',
  ],
  [
    'kernels that stay held',
    { late: 1, holds: true },
    [end(launch(), stuck([0])), end(launch(), stuck([0]))],
    undefined,
  ],
  [
    'kernels of the wrong rank that stay held',
    { late: 1, holds: true },
    [end(launch(), stuck([1])), end(launch(), stuck([1]))],
    'called the kernels of ranks [1] held',
  ],
  [
    'kernels that were released although they stay held',
    { late: 1, holds: true },
    [end(launch(), lost(1, 'ARFUSE_DEADLINE')), end(launch(), lost(1, 'ARFUSE_DEADLINE'))],
    'reported ARFUSE_DEADLINE (), not ARFUSE_DEVICE',
  ],
  [
    'a dead rank that kernels wait for',
    { dies: 1, holds: true },
    [end(launch(), { ...stuck([0]), ms: 9999 }), { ...end(launch()), code: null }],
    undefined,
  ],
])('judges %s', (_, change, ends, fault) => {
  const found = faultOf({ ...task, ...change }, ends);
  if (fault === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(fault);
});
