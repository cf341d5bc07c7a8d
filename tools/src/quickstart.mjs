// From a fresh clone to a planned, explained and verified Llama-3-8B: `npx -y pnpm@10.34.9 quickstart`.
// Runs before anything is installed, so it uses Node's own modules only.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './lib/root.mjs';
import { plainEnvironment, pnpm, run, seconds, stopChildrenOnSignal, tool } from './lib/run.mjs';

const GRAPH = 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz';
const TARGET = 'h200-sxm,world=2';
const PLAN = '.cache/quickstart/llama3-8b.plan.json';

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(
    `arfuse needs Node 20.19 or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Install a newer Node (nodejs.org, nvm, fnm, your distribution) and run the same command again.',
  );
  process.exit(2);
}

/**
 * A step without output of its own; what it printed is shown when it fails.
 *
 * @param {string} title
 * @param {readonly string[]} command
 * @param {string} help what to do when it fails
 */
async function quiet(title, command, help) {
  const start = Date.now();
  console.log(`${title} …`);
  const { code, output } = await run(command, { env: plainEnvironment() });
  if (code !== 0) {
    console.error(`${output.trimEnd()}\n\n${title} failed. ${help}`);
    process.exit(1);
  }
  console.log(`${title}: done in ${seconds(start)}`);
}

/**
 * A command of the built program, shown as it would be typed, with its output.
 *
 * @param {...string} args
 */
async function arfuse(...args) {
  console.log(`\n$ pnpm --silent arfuse ${args.join(' ')}`);
  const { code } = await run([process.execPath, 'packages/cli/dist/main.js', ...args], {
    show: true,
  });
  if (code !== 0) {
    console.error(`\narfuse ${args[0]} ended with exit code ${code}.`);
    process.exit(code);
  }
}

async function main() {
  checkNode();
  stopChildrenOnSignal();
  const start = Date.now();
  await quiet(
    'installing packages',
    pnpm('install', '--frozen-lockfile', '--prefer-offline'),
    'It needs a package registry once; with a filled store it works offline.',
  );
  await quiet(
    'building',
    tool('turbo', 'turbo', 'run', 'build', '--filter=arfuse...', '--output-logs=errors-only'),
    'If it persists, remove the dist folders and try again.',
  );
  mkdirSync(join(repositoryRoot, '.cache/quickstart'), { recursive: true });
  await arfuse('plan', GRAPH, '--target', TARGET, '--out', PLAN);
  await arfuse('explain', PLAN, '--site', 's1');
  await arfuse('verify', PLAN);
  console.log(
    `\nquickstart: done in ${seconds(start)}. The plan is ${PLAN}; "pnpm verify" runs all checks.`,
  );
}

await main();
