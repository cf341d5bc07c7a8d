import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { repositoryRoot } from '../src/lib/root.mjs';
import { onePass } from './plan-phases.mjs';
import { round, summary } from './statistics.mjs';

/** @typedef {ReturnType<typeof summary>} Summary */

/**
 * Repeated passes through all phases in this process.
 *
 * @param {Uint8Array} bytes
 * @param {number} warmup passes that are not counted
 * @param {number} samples
 */
export async function warm(bytes, warmup, samples) {
  for (let count = 0; count < warmup; count++) await onePass(bytes);
  const passes = [await onePass(bytes)];
  while (passes.length < samples) passes.push(await onePass(bytes));
  return {
    nodes: passes[0]?.nodes ?? 0,
    sites: passes[0]?.sites ?? 0,
    bytes: bytes.length,
    parse: summary(passes.map((pass) => pass.parse)),
    match: summary(passes.map((pass) => pass.match)),
    matchAndPlan: summary(passes.map((pass) => pass.matchAndPlan)),
    total: summary(passes.map((pass) => pass.total)),
  };
}

/**
 * Whole processes, one after the other.
 *
 * @param {readonly string[]} args of Node
 * @param {number} samples
 */
export function cold(args, samples) {
  const times = [];
  for (let count = 0; count < samples; count++) {
    const start = performance.now();
    execFileSync(process.execPath, args, { cwd: repositoryRoot, stdio: 'ignore' });
    times.push(performance.now() - start);
  }
  return summary(times);
}

/**
 * Heap of one read and plan in a process of its own, in bytes per byte of input: what stays, the most that
 * survived a collection, and the most that was in use, garbage included.
 *
 * @param {string} path
 */
export function memory(path) {
  const child = fileURLToPath(new URL('memory.mjs', import.meta.url));
  const { stdout, status, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--trace-gc', child, path],
    { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  if (status !== 0) throw new Error(`the memory measurement failed:\n${stderr}`);
  const measured = JSON.parse(/^\{.*\}$/m.exec(stdout)?.[0] ?? '{}');
  // `Scavenge 61.1 (70.0) -> 58.2 (71.0) MB`: in use before and after. The first collection after END sees the peak too.
  const collections = [
    ...stdout.slice(stdout.indexOf('BEGIN')).matchAll(/ ([\d.]+) \([\d.]+\) -> ([\d.]+) \(/g),
  ];
  /** @param {1 | 2} group of the pattern */
  const most = (group) => Math.max(...collections.map((match) => Number(match[group]) * 2 ** 20));
  /** @param {number} bytes */
  const perByte = (bytes) => round(bytes / measured.inputBytes);
  return {
    inputBytes: measured.inputBytes,
    nodes: measured.nodes,
    retained: perByte(measured.retained),
    peakLive: perByte(Math.max(measured.retained, most(2) - measured.before)),
    peakUsed: perByte(most(1) - measured.before),
  };
}
