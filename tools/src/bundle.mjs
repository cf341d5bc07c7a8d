// One archive that runs on a Linux host without internet, Node or pnpm: `pnpm bundle --out DIR [--format tar.xz|tar.gz|dir]`.
// Builds the packages first; the addon must be there (`node tools/src/native.mjs`).
import { parseArgs } from 'node:util';
import { repositoryRoot } from './lib/root.mjs';
import { plainEnvironment, pnpm, run, seconds, stopChildrenOnSignal } from './lib/run.mjs';

const FORMATS = /** @type {const} */ (['tar.xz', 'tar.gz', 'dir']);

/** @param {string} reason @param {number} code @returns {never} */
function stop(reason, code) {
  console.error(`no bundle: ${reason}`);
  process.exit(code);
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: 'string' },
        format: { type: 'string', default: 'tar.xz' },
      },
    });
    const format = FORMATS.find((known) => known === values.format);
    if (format === undefined)
      stop(`"${values.format}" is no format. Write one of ${FORMATS.join(', ')}.`, 2);
    if (!values.out) stop('give the folder that it goes to: pnpm bundle --out DIR.', 2);
    return { out: values.out, format };
  } catch (error) {
    stop(/** @type {Error} */ (error).message, 2);
  }
}

stopChildrenOnSignal();
const start = Date.now();
const { out, format } = options();
const built = await run(pnpm('run', '--silent', 'build'), { env: plainEnvironment() });
if (built.code !== 0) stop(`the packages do not build:\n${built.output}`, 1);
// What it loads is there only now.
const { makeBundle, refusal } = await import('./bundle/make.mjs');
const reason = refusal(repositoryRoot);
if (reason !== undefined) stop(reason, 1);
try {
  const { path, bytes, warnings } = await makeBundle(repositoryRoot, { out, format });
  for (const warning of warnings) console.error(`warning: ${warning}`);
  const size = bytes === undefined ? 'a folder' : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(`${path}: ${size}, in ${seconds(start)}`);
} catch (error) {
  stop(/** @type {Error} */ (error).message, 1);
}
