import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Kept of what a rank writes to its error output. */
const MOST_TEXT = 4000;

/**
 * What one rank's process left.
 *
 * @typedef {object} RankEnd
 * @property {number | null} code
 * @property {NodeJS.Signals | null} signal
 * @property {boolean} late whether it was ended because the time was over
 * @property {Record<string, any>[]} reports its lines of JSON
 * @property {string} errors the end of whatever else it wrote
 */

/** A port of the loopback interface that nobody listens at. @returns {Promise<number>} */
async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts one process per rank, as torchrun would, and waits for all; those that are not done in time are ended. A rank
 * finds its task in `ARFUSE_TASK` and reports by lines of JSON.
 *
 * @param {{ program: URL, args?: readonly string[], size: number, task: unknown, seconds: number,
 *   env?: (rank: number) => Record<string, string> }} given
 * @returns {Promise<RankEnd[]>} by rank
 */
export async function spawnRanks({ program, args = [], size, task, seconds, env = () => ({}) }) {
  const port = await freePort();
  return Promise.all(
    Array.from({ length: size }, (_, rank) =>
      runRank([fileURLToPath(program), ...args], seconds, {
        ...process.env,
        RANK: String(rank),
        WORLD_SIZE: String(size),
        // All ranks share the first GPU, unless `env` says otherwise.
        LOCAL_RANK: '0',
        MASTER_ADDR: '127.0.0.1',
        ARFUSE_PORT: String(port),
        ARFUSE_TASK: JSON.stringify(task),
        ...env(rank),
      }),
    ),
  );
}

/**
 * @param {readonly string[]} command program and arguments for Node
 * @param {number} seconds
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<RankEnd>}
 */
function runRank(command, seconds, env) {
  const child = spawn(process.execPath, [...command], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  /** @type {Record<string, any>[]} */
  const reports = [];
  let errors = '';
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, seconds * 1000);
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) reports.push(JSON.parse(line));
    else errors = `${errors}${line}\n`.slice(-MOST_TEXT);
  });
  child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    errors = (errors + text).slice(-MOST_TEXT);
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, late, reports, errors });
    });
  });
}
