import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { spawnRanks } from '../processes/spawn-ranks.mjs';

const EXAMPLE = new URL('../../../../examples/run-on-gpus.mjs', import.meta.url);
const GRAPH = new URL('../../../../fixtures/pt2/llama-tiny.tp2.pt2', import.meta.url);
const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** The command line, as it lies in a bundle or in a checkout. */
const CLI = pathToFileURL(
  [join(root, 'node_modules/arfuse/dist/main.js'), join(root, 'packages/cli/dist/main.js')].find(
    existsSync,
  ) ?? join(root, 'packages/cli/dist/main.js'),
);

/** @typedef {{ name: string, program: URL, args: readonly string[] }} Launched */

/**
 * Runs a program as torchrun does: two processes, which find each other by `RANK`, `WORLD_SIZE` and `LOCAL_RANK`.
 *
 * @param {Launched} one
 * @param {{ size?: number, seconds: number, env?: Record<string, string> }} given
 */
export async function runLaunched({ name, program, args }, { size = 2, seconds, env = {} }) {
  const begun = performance.now();
  const ends = await spawnRanks({
    program,
    args,
    size,
    seconds,
    task: null,
    env: (rank) => ({ ...env, LOCAL_RANK: String(rank) }),
  });
  const faults = ends.flatMap(({ code, signal, late, errors }, rank) =>
    code === 0
      ? []
      : [
          `rank ${rank} ${late ? `was not done after ${seconds} s` : `ended with ${signal ?? code}`}: ${errors.trim()}`,
        ],
  );
  const said = ends[0]?.errors.trim().split('\n').slice(-12) ?? [];
  return { name, seconds: Math.round((performance.now() - begun) / 100) / 10, said, faults };
}

/**
 * The command line and the example, started as a launcher starts them.
 *
 * @param {{ seconds: number, ended: () => boolean, env?: Record<string, string> }} given
 */
export async function pairLaunched({ seconds, ended, env = {} }) {
  const folder = mkdtempSync(join(tmpdir(), 'arfuse-pair-'));
  try {
    const path = join(folder, 'plan.json');
    const planned = await runLaunched(
      {
        name: 'arfuse plan GRAPH --out PLAN',
        program: CLI,
        args: [
          'plan',
          fileURLToPath(GRAPH),
          '--target',
          'h200-sxm,world=2,tokens=64',
          '--out',
          path,
        ],
      },
      { size: 1, seconds },
    );
    if (planned.faults.length > 0) return { complete: false, results: [planned] };
    const programs = [
      { name: 'arfuse verify PLAN --on gpu', program: CLI, args: ['verify', path, '--on', 'gpu'] },
      { name: 'arfuse run PLAN', program: CLI, args: ['run', path] },
      { name: 'examples/run-on-gpus.mjs', program: EXAMPLE, args: ['--on', 'gpu'] },
    ];
    const results = [];
    for (const one of programs) {
      if (ended()) return { complete: false, results };
      results.push(await runLaunched(one, { seconds, env }));
    }
    return { complete: true, results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
