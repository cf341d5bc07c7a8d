import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * The same launches by PyTorch, compiled by Inductor and replayed as CUDA graphs, in a process of their own.
 *
 * @param {readonly import('./norm-speed.mjs').Shape[]} shapes
 * @param {readonly string[]} forms
 * @returns {Promise<{ version: string, times: { rows: number, hidden: number, form: string, us: number[] }[] }>}
 */
export async function torchTimes(shapes, forms) {
  const script = fileURLToPath(new URL('torch_norm.py', import.meta.url));
  const child = spawn(process.env.ARFUSE_PYTHON ?? 'python3', [script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  child.stdin.end(JSON.stringify({ shapes, forms }));
  const code = await new Promise((resolve, reject) =>
    child.on('close', resolve).on('error', reject),
  );
  if (code !== 0) throw new Error(`${script} ended with exit code ${code}`);
  return JSON.parse(output);
}
