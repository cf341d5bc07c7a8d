import { spawnRanks } from './spawn-ranks.mjs';

/**
 * What the ranks of a case run.
 *
 * @typedef {object} Task
 * @property {string} collective kernel of the all-reduce
 * @property {string} chain name of one of `CONFORMANCE_CHAINS`
 * @property {'bf16' | 'f16' | 'f32'} dtype
 * @property {number} hidden
 * @property {readonly number[]} tokens
 * @property {number} runs launches per token count, each with fresh inputs
 * @property {number} seed
 * @property {number} capability
 * @property {boolean} [ownGpus] whether each rank has a GPU of its own; otherwise all share the first
 * @property {number} [late] rank that does not launch once; the others recover, and all go on
 * @property {number} [dies] rank that is gone at the end
 * @property {boolean} [holds] whether kernels that wait for it cannot be released, which ends the group
 */

/** Milliseconds that a recovery waits for kernels that hold. */
export const HELD_MS = 5000;

/** Most milliseconds after which every survivor has reported a rank that died. */
const MOST_MS_UNTIL_LOST = 5000;

/** What one launch left at every rank must be right, and the same. @param {Record<string, any>[]} of one report per rank */
function launchFault(of) {
  for (const [rank, report] of of.entries()) {
    if (report.faults.length > 0) return `rank ${rank}: ${report.faults.join(', ')}`;
    if (JSON.stringify(report.digests) !== JSON.stringify(of[0]?.digests))
      return `ranks 0 and ${rank} differ`;
  }
  return undefined;
}

/** What is wrong with what a rank reports of another that has not come. @param {Task} task @param {Record<string, any>} end */
function endFault({ late, dies, holds }, { ended, message = '', ms, missing, held }) {
  const code = holds
    ? 'ARFUSE_DEVICE'
    : dies === undefined
      ? 'ARFUSE_DEADLINE'
      : 'ARFUSE_PEER_LOST';
  if (ended !== code) return `reported ${ended ?? 'no error'} (${message}), not ${code}`;
  if (dies !== undefined && ms > MOST_MS_UNTIL_LOST + (holds ? HELD_MS : 0))
    return `reported the dead rank after ${Math.round(ms)} ms`;
  if (late !== undefined && !missing?.includes(late))
    return `called ${JSON.stringify(missing)} missing, not rank ${late}`;
  if (holds && !(held?.length > 0 && !held.includes(late)))
    return `called the kernels of ranks ${JSON.stringify(held)} held`;
  return undefined;
}

/**
 * What is wrong with the ends of a case's ranks; undefined when nothing is.
 *
 * @param {Task} task
 * @param {readonly import('./spawn-ranks.mjs').RankEnd[]} ends
 */
export function faultOf(task, ends) {
  const survivors = [...ends.entries()].filter(([rank]) => rank !== task.dies);
  for (const [rank, { code, signal, late, errors }] of survivors) {
    if (late) return `rank ${rank} was not done in time ${errors}`;
    if (code !== 0) return `rank ${rank} ended with ${code ?? signal}: ${errors}`;
  }
  const launches = ends.map(({ reports }) => reports.filter(({ digests }) => digests));
  const wanted = task.tokens.length * task.runs + (task.late === undefined || task.holds ? 0 : 1);
  for (const [rank, of] of launches.entries())
    if (of.length !== wanted) return `rank ${rank} reported ${of.length} launches, not ${wanted}`;
  for (let at = 0; at < wanted; at += 1) {
    const of = launches.map((reports) => /** @type {Record<string, any>} */ (reports[at]));
    const fault = launchFault(of);
    if (fault !== undefined) return `${of[0]?.rows} tokens, seed ${of[0]?.seed}: ${fault}`;
  }
  if (task.late === undefined && task.dies === undefined) return undefined;
  for (const [rank, { reports }] of survivors) {
    const fault = endFault(task, reports.find(({ ended }) => ended !== undefined) ?? {});
    if (fault !== undefined) return `rank ${rank} ${fault}`;
  }
  return undefined;
}

/**
 * Runs one case: a process per rank, on the first GPU or each on its own.
 *
 * @param {Task} task
 * @param {{ size: number, seconds: number, env?: (rank: number) => Record<string, string> }} given
 */
export async function runProcessCase(task, given) {
  const own = (/** @type {number} */ rank) => ({ LOCAL_RANK: String(rank) });
  const ends = await spawnRanks({
    ...(task.ownGpus ? { env: own } : {}),
    ...given,
    task,
    program: new URL('rank.mjs', import.meta.url),
  });
  const refused = ends[0]?.reports[0]?.refused;
  if (refused) return { refused: /** @type {readonly string[]} */ (refused) };
  const fault = faultOf(task, ends);
  const launches = ends.flatMap(({ reports }) => reports.filter(({ digests }) => digests));
  const times = launches.map(({ ms }) => /** @type {number} */ (ms)).sort((a, b) => a - b);
  const ended = ends.flatMap(({ reports }) =>
    reports.filter((line) => line.ended !== undefined).map(({ ms }) => /** @type {number} */ (ms)),
  );
  return {
    launches: launches.length / given.size,
    medianMs: times[times.length >> 1],
    ...(ended.length > 0 ? { endedAfterMs: Math.max(...ended) } : {}),
    ...(fault === undefined ? {} : { fault }),
  };
}
