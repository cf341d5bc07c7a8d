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
 */

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
  const wanted = task.tokens.length * task.runs + (task.late === undefined ? 0 : 1);
  for (const [rank, of] of launches.entries())
    if (of.length !== wanted) return `rank ${rank} reported ${of.length} launches, not ${wanted}`;
  for (let at = 0; at < wanted; at += 1) {
    const of = launches.map((reports) => /** @type {Record<string, any>} */ (reports[at]));
    const fault = launchFault(of);
    if (fault !== undefined) return `${of[0]?.rows} tokens, seed ${of[0]?.seed}: ${fault}`;
  }
  if (task.late === undefined && task.dies === undefined) return undefined;
  const code = task.dies === undefined ? 'ARFUSE_DEADLINE' : 'ARFUSE_PEER_LOST';
  for (const [rank, { reports }] of survivors) {
    const end = reports.find(({ ended }) => ended !== undefined);
    if (end?.ended !== code)
      return `rank ${rank} reported ${end?.ended ?? 'no error'} (${end?.message ?? ''}), not ${code}`;
    if (task.dies !== undefined && end.ms > MOST_MS_UNTIL_LOST)
      return `rank ${rank} reported the dead rank after ${Math.round(end.ms)} ms`;
    if (task.late !== undefined && !end.missing?.includes(task.late))
      return `rank ${rank} called ${JSON.stringify(end.missing)} missing, not rank ${task.late}`;
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
