import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('torch_norm.py', import.meta.url));
const MOST_COMPILERS = 8;
/** Of PyTorch's time, what the processes that only compile may take. */
const COMPILE_SHARE = 0.45;

/**
 * @param {readonly string[]} args
 * @param {object} asked
 * @param {string} cache folder of what Inductor compiles
 * @returns {Promise<string>} standard output
 */
async function python(args, asked, cache) {
  const child = spawn(process.env.ARFUSE_PYTHON ?? 'python3', [script, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      TORCHINDUCTOR_CACHE_DIR: cache,
      TRITON_CACHE_DIR: join(cache, 'triton'),
    },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  child.stdin.end(JSON.stringify(asked));
  const code = await new Promise((resolve, reject) =>
    child.on('close', resolve).on('error', reject),
  );
  if (code !== 0) throw new Error(`${script} ended with exit code ${code}`);
  return output;
}

/**
 * The same launches by PyTorch, compiled by Inductor and replayed as CUDA graphs, in a process of their own. Compiling takes
 * most of the time, so that other processes do it before.
 *
 * @param {readonly (import('./norm-speed.mjs').Shape & { form: string })[]} cases the first first
 * @param {number} seconds after which no further case is begun
 * @returns {Promise<{ version: string, times: { rows: number, hidden: number, form: string, us: number[] }[] }>}
 */
export async function torchTimes(cases, seconds) {
  const cache = mkdtempSync(join(tmpdir(), 'arfuse-inductor-'));
  try {
    const endsAt = performance.now() + seconds * 1000;
    const compilers = Math.min(MOST_COMPILERS, availableParallelism() - 1);
    const share = (/** @type {number} */ of) => cases.filter((_, i) => i % compilers === of);
    if (compilers > 1)
      await Promise.all(
        Array.from({ length: compilers }, (_, i) =>
          python(['compile'], { cases: share(i), seconds: seconds * COMPILE_SHARE }, cache),
        ),
      );
    const left = (endsAt - performance.now()) / 1000;
    return JSON.parse(await python([], { cases, seconds: left }, cache));
  } finally {
    rmSync(cache, { recursive: true, force: true });
  }
}
