/** @typedef {'parse' | 'match' | 'matchAndPlan' | 'total'} Phase */

/** @type {readonly Phase[]} */
export const PHASES = ['parse', 'match', 'matchAndPlan', 'total'];

/** @param {readonly (string | number)[]} cells */
function row(...cells) {
  const [first = '', ...rest] = cells;
  console.log(String(first).padEnd(34) + rest.map((cell) => String(cell).padStart(13)).join(''));
}

/** @param {import('./measure.mjs').Summary} stats */
function times({ medianMs, p10Ms, p90Ms }) {
  return [medianMs, p10Ms, p90Ms].map((value) => value.toFixed(1));
}

/**
 * @typedef {Awaited<ReturnType<typeof import('./measure.mjs').warm>>} Warm
 * @typedef {object} Result
 * @property {{ cpu: string, cores: number, memoryGiB: number, node: string }} machine
 * @property {Warm} llama
 * @property {Record<string, import('./measure.mjs').Summary>} commands
 * @property {readonly Warm[]} scales
 * @property {Record<Phase, number>} exponents
 * @property {Record<string, ReturnType<typeof import('./measure.mjs').memory>>} heap
 */

/**
 * Prints what the bench found as a table.
 *
 * @param {Result} result
 */
export function printReport({ machine, llama, commands, scales, exponents, heap }) {
  console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n`);
  row(`llama3-8b, ${llama.nodes} nodes, ${llama.sites} sites`, 'median ms', 'p10', 'p90');
  for (const phase of PHASES) row(`  ${phase}`, ...times(llama[phase]));
  row('whole command, cold');
  for (const [name, stats] of Object.entries(commands)) row(`  ${name}`, ...times(stats));
  row('nodes, median ms', ...PHASES);
  for (const scale of scales) {
    row(`  ${scale.nodes}`, ...PHASES.map((phase) => scale[phase].medianMs.toFixed(1)));
  }
  row('  exponent', ...PHASES.map((phase) => exponents[phase].toFixed(2)));
  row('heap bytes per input byte', 'retained', 'peak live', 'peak used');
  for (const [name, { retained, peakLive, peakUsed }] of Object.entries(heap)) {
    row(`  ${name}`, ...[retained, peakLive, peakUsed].map((value) => value.toFixed(1)));
  }
}

/**
 * Prints what launches cost the host.
 *
 * @param {import('./launch.mjs').LaunchCosts & { machine: Result['machine'] }} result
 */
export function printLaunchReport({ machine, plan, costs }) {
  console.log(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}\n`);
  console.log(`llama3-8b, ${plan.sites} sites, ${plan.ranks} ranks, a device that does nothing`);
  const cells = ['median ns', 'p10', 'p90', 'bare', 'overhead', 'heap bytes'];
  const line = (/** @type {string} */ name, /** @type {readonly (string | number)[]} */ values) =>
    console.log(name.padEnd(40) + values.map((value) => String(value).padStart(11)).join(''));
  line('per call', cells);
  for (const [name, cost] of Object.entries(costs))
    line(`  ${name}`, [
      cost.medianNs,
      cost.p10Ns,
      cost.p90Ns,
      cost.bareMedianNs,
      cost.overheadNs,
      cost.heapBytes,
    ]);
}
