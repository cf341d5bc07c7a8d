import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { repositoryRoot } from './root.mjs';

const running = new Set();

/** Ends what runs when this process is interrupted, and exits as a shell expects. */
export function stopChildrenOnSignal() {
  for (const [signal, code] of /** @type {const} */ ([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])) {
    process.once(signal, () => {
      for (const child of running) child.kill(signal);
      console.error(`\nstopped (${signal}); run the same command again to go on`);
      process.exit(code);
    });
  }
}

/**
 * Runs a program without a shell and waits for its end.
 *
 * @param {readonly string[]} command program and arguments
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean, timeoutMs?: number }} [options]
 *   `show`: write its output to this terminal instead of keeping it
 * @returns {Promise<{ code: number, output: string, stdout: string }>} output is standard output and error, as they came
 */
export function run([program = '', ...args], options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? repositoryRoot,
      env: options.env ?? process.env,
      stdio: options.show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    running.add(child);
    let output = '';
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      output += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.on('error', (error) => {
      running.delete(child);
      resolve({ code: 127, output: `${program}: ${error.message}`, stdout });
    });
    child.on('close', (code, signal) => {
      running.delete(child);
      if (signal) output += `\n${program} was ended by ${signal}`;
      resolve({ code: code ?? 1, output, stdout });
    });
  });
}

/**
 * The pnpm that runs us, or the one of `packageManager` through npx, so that nothing need be installed.
 *
 * @param {...string} args
 * @returns {string[]} a command for `run`
 */
export function pnpm(...args) {
  const path = process.env.npm_execpath ?? '';
  if (/pnpm[^/\\]*$/.test(path) && existsSync(path)) {
    return /\.[cm]?js$/.test(path) ? [process.execPath, path, ...args] : [path, ...args];
  }
  const { packageManager } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  return [process.platform === 'win32' ? 'npx.cmd' : 'npx', '-y', packageManager, ...args];
}

/**
 * A development dependency's program, run by this Node: no shell, no `.cmd` wrapper, no PATH.
 *
 * @param {string} dependency npm name in the root manifest
 * @param {string} bin name of its program
 * @param {...string} args
 */
export function tool(dependency, bin, ...args) {
  const manifest = join(repositoryRoot, 'node_modules', dependency, 'package.json');
  const { bin: bins } = JSON.parse(readFileSync(manifest, 'utf8'));
  return [
    process.execPath,
    join(dirname(manifest), typeof bins === 'string' ? bins : bins[bin]),
    ...args,
  ];
}

/** Environment for tools that would otherwise colour, count or phone home. */
export function plainEnvironment() {
  return {
    ...process.env,
    NO_COLOR: '1',
    FORCE_COLOR: '0',
    TURBO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  };
}

/** @param {number} since `Date.now()` at the start */
export function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
