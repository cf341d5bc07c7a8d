import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { findSites, parseTarget, plan, readGraph } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';

const TARGET = parseTarget('h200-sxm,world=2');
const BACKENDS = [flashinfer(), symmMem()];

setFlagsFromString('--expose-gc');
/** @type {(options: { type: 'minor' }) => void} */
const collect = runInNewContext('gc');

/**
 * Reading pays for moving its own garbage and graph out of the young generation; otherwise that collection falls into a
 * later phase at random.
 *
 * @param {Uint8Array} bytes
 */
async function parse(bytes) {
  const { programs } = await readGraph(bytes, { source: 'bench' });
  if (!programs[0]) throw new Error('the input holds no program');
  collect({ type: 'minor' });
  return programs[0].graph;
}

/** @param {import('@arfuse/core').Graph} graph */
function planOf(graph) {
  return plan(graph, { target: TARGET, use: BACKENDS });
}

/**
 * One pass through the phases, each on a graph that nobody has looked at before (a graph keeps its use lists).
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<{ nodes: number, sites: number, parse: number, match: number, matchAndPlan: number, total: number }>} times in ms
 */
export async function onePass(bytes) {
  const start = performance.now();
  const graph = await parse(bytes);
  const parsed = performance.now();
  const made = planOf(graph);
  const planned = performance.now();
  const fresh = await parse(bytes);
  const before = performance.now();
  findSites(fresh);
  const match = performance.now() - before;
  return {
    nodes: graph.nodes.length,
    sites: made.summary.sites,
    parse: parsed - start,
    match,
    matchAndPlan: planned - parsed,
    total: planned - start,
  };
}

/** Reads and plans once, and keeps everything alive. @param {Uint8Array} bytes */
export async function readAndPlan(bytes) {
  const graph = await parse(bytes);
  return { graph, plan: planOf(graph) };
}
