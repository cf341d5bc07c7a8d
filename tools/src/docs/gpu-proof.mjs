/** @typedef {import('@arfuse/conformance').ExecutionReport} ExecutionReport */
/** @typedef {import('@arfuse/conformance').RecoveryReport} RecoveryReport */
/** @typedef {import('@arfuse/conformance').SoakReport} SoakReport */
/** @typedef {import('@arfuse/conformance').ProducerReport} ProducerReport */
/** @typedef {{ device: string, cuda: string, date: string, flashinfer?: string | null }} Facts */
/**
 * What `pnpm gpu:test` writes; parts that were left out are absent.
 * @typedef {Facts & { seed: number, norm?: { passed: number, failures: unknown[] },
 *   ranks?: ExecutionReport & { kernels: string[], sizes: number[], hidden: number[], tokens: number[], proof: string },
 *   recovery?: RecoveryReport[],
 *   producers?: { passed: boolean, complete: boolean, dtypes: readonly string[], sizes: readonly number[], hidden: readonly number[],
 *     tokens: readonly number[], overlap: readonly string[], runs: (ProducerReport & { pdl: boolean })[] } }} Proof
 */
/** What `pnpm gpu:soak` writes. @typedef {Facts & SoakReport} Soak */

export const count = (/** @type {number} */ value) => value.toLocaleString('en-US');
const mebibytes = (/** @type {number} */ bytes) => count(Math.round(bytes / 2 ** 20));

/** @param {Proof} proof */
function normLines({ norm, device, date, seed }) {
  if (!norm) return [];
  const all = norm.passed + norm.failures.length;
  return [
    `Norm kernel: ${count(norm.passed)} of ${count(all)} cases agree byte by byte with the host's arithmetic on ${device} (${date}, seed ${seed}).`,
    '',
  ];
}

/** @param {Proof} proof */
function rankLines({ ranks, device, date }) {
  if (!ranks) return [];
  const unfinished = ranks.next === undefined ? '' : ` It did not finish: "${ranks.next}" is next.`;
  const distances = ranks.distances.map(
    ({ kernel, output, allowedUlps, elements }) =>
      `| \`${kernel}\` | ${output} | ${allowedUlps} | ${Object.entries(elements)
        .map(([ulps, elementCount]) => `${count(elementCount)} at ${ulps}`)
        .join(', ')} |`,
  );
  return [
    `Every chain through ${ranks.kernels.map((kernel) => `\`${kernel}\``).join(', ')}, ${ranks.sizes.join(', ')} ranks sharing one ${device} (${date}, seed ${ranks.seed}): ${count(ranks.cases)} cases, ${count(ranks.launches)} launches, ${ranks.passed ? 'all right' : 'with faults'}.${unfinished} ${ranks.proof}`,
    '',
    '| rule | cases | broken |',
    '| --- | ---: | ---: |',
    ...ranks.checks.map(
      ({ text, cases, broken }) => `| ${text} | ${count(cases)} | ${count(broken)} |`,
    ),
    '',
    '| kernel | result | ULP allowed | elements by distance in ULP |',
    '| --- | --- | ---: | --- |',
    ...distances,
    '',
    '| refused | because it | combinations |',
    '| --- | --- | ---: |',
    ...ranks.refused.map(
      ({ kernel, reason, count: times }) => `| \`${kernel}\` | ${reason} | ${count(times)} |`,
    ),
    '',
  ];
}

/** @param {readonly RecoveryReport[]} recovery */
export const recoveryTable = (recovery) => [
  '| kernel | ranks | recoveries | operations after them | faults | median ms | most ms |',
  '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
  ...recovery.flatMap(
    ({ kernel, size, rounds, asked, operations, faults, msAfterDeadline: ms, refused }) =>
      refused || !ms
        ? []
        : [
            `| ${[`\`${kernel}\``, size, `${rounds} of ${asked}`, count(operations), faults.length, ms.median.toFixed(1), ms.max.toFixed(1)].join(' | ')} |`,
          ],
  ),
  '',
];

/** @param {Proof} proof */
function recoveryLines({ recovery, device, date }) {
  if (!recovery) return [];
  return [
    `A rank that never launches, alone and inside a captured step of 8 in turn, on ranks sharing one ${device} (${date}); milliseconds from the deadline until every other rank had the typed error:`,
    '',
    ...recoveryTable(recovery),
  ];
}

/** @param {Proof} proof */
function producerLines({ producers, device, date, seed }) {
  if (!producers) return [];
  const { dtypes, sizes, hidden, tokens, overlap, runs, complete } = producers;
  const seen =
    overlap.length === 0
      ? 'A copy that does not wait for its producer finds the old contents there.'
      : 'A copy that does not wait for its producer was not seen to be early, so this proves nothing.';
  return [
    `Sites right behind a kernel that writes partials, residual and weights in the latest way that PDL allows, other contents each time, ${sizes.join(', ')} ranks sharing one ${device} (${date}, seed ${seed}), ${dtypes.join(', ')}, hidden ${hidden.join(', ')}, ${tokens.join(', ')} tokens.${complete ? '' : ' It did not finish.'} ${seen}`,
    '',
    '| kernel | PDL | cases | eager repetitions | graph repetitions | wrong |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...runs.flatMap(({ kernels }) =>
      kernels.map(
        ({ kernel, pdl, cases, eager, graph, faulty }) =>
          `| ${[`\`${kernel}\``, pdl === null ? '–' : pdl ? 'on' : 'off', ...[cases, eager, graph, faulty].map(count)].join(' | ')} |`,
      ),
    ),
    '',
  ];
}

/** @param {Soak} soak */
function soakLines({
  device,
  date,
  seed,
  operations,
  asked,
  graphReplays,
  faults,
  memory,
  seconds,
}) {
  const [first, last] = [memory[0], memory.at(-1)];
  const grown =
    first && last
      ? ` Memory in MiB after ${count(first.operations)} and after ${count(last.operations)} operations: host ${mebibytes(first.hostBytes)} and ${mebibytes(last.hostBytes)}${first.deviceBytes && last.deviceBytes ? `, GPU ${mebibytes(first.deviceBytes)} and ${mebibytes(last.deviceBytes)}` : ''}.`
      : '';
  return [
    `\`pnpm gpu:soak\` on ${device} (${date}, seed ${seed}): ${count(operations)} of ${count(asked)} operations, ${count(graphReplays)} of them graph replays, in ${Math.round(seconds)} s, ${faults.length === 0 ? 'every result right' : `${faults.length} wrong`}.${grown}`,
    '',
  ];
}

/**
 * What was proved on GPUs, from committed results; what was not run says so.
 *
 * @param {readonly Proof[]} proofs
 * @param {readonly Soak[]} soaks
 */
export function proofLines(proofs, soaks) {
  const missing = [
    proofs.some(({ ranks }) => ranks) ? [] : ['every chain through every collective kernel'],
    proofs.some(({ recovery }) => recovery) ? [] : ['recovery from a rank that never comes'],
    proofs.some(({ producers }) => producers)
      ? []
      : ['sites behind kernels that write what they read'],
    soaks.length > 0 ? [] : ['the soak'],
  ].flat();
  return [
    ...proofs.flatMap((proof) => [
      ...normLines(proof),
      ...rankLines(proof),
      ...recoveryLines(proof),
      ...producerLines(proof),
    ]),
    ...soaks.flatMap(soakLines),
    ...(missing.length > 0
      ? [
          `Not run on a GPU yet, as far as results are committed: ${missing.join('; ')} (\`pnpm gpu:test\`, \`pnpm gpu:soak\`).`,
          '',
        ]
      : []),
  ];
}
