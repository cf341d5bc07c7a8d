import { pairLines } from './gpu-pair.mjs';
import { proofLines } from './gpu-proof.mjs';
import { copyNote, normTable, torchNote } from './norm-table.mjs';

const BEGIN = '<!-- from docs/results, by "pnpm docs:patterns" -->';
const END = '<!-- end -->';

/** @typedef {import('./gpu-results.mjs').Bench} Bench */
/** @typedef {import('./gpu-results.mjs').Test} Test */
/** @typedef {import('./gpu-results.mjs').Times} Times */

const spread = (/** @type {Times} */ { medianUs, p10Us, p90Us }) =>
  `${medianUs.toFixed(2)} (${p10Us.toFixed(2)} to ${p90Us.toFixed(2)})`;

/** @param {Test} test */
function testLine({ passed, failures, device, date, seed }) {
  return `${passed} of ${passed + failures.length} cases of \`pnpm gpu:test\` agree byte by byte with the host's arithmetic on ${device} (${date}, seed ${seed}).`;
}

/** @param {Bench} bench */
function launchLines({ device, sections }) {
  if (!sections.launch) return [];
  const { launch, heap, step } = sections.launch;
  return [
    `Host time on the machine of ${device}, µs: a launch from Node ${spread(launch.node)}, the same launch from a loop in C++`,
    `${spread(launch.native)}; a step of ${step.sites} sites replayed by one call ${spread(step.call)}. A launch allocates`,
    `${heap.bytesPerLaunch} bytes of JavaScript heap (median over batches of ${launch.batch}; ${heap.launches} launches).`,
    '',
  ];
}

/** @param {Bench} bench */
function collectiveLines({ device, sections }) {
  if (!sections.collectives) return [];
  const { rows, sites } = sections.collectives;
  const ran = rows.flatMap(({ site, ...row }) => (site ? [{ ...row, site }] : []));
  return [
    `All-reduce + add + norm by ranks that share one ${device}: wall time per site of a captured step of ${sites}, waiting`,
    'included. Indicative only: these ranks share memory and multiprocessors and use no link.',
    '',
    '| kernel | ranks | tokens | hidden | µs per site |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...ran.map(
      ({ collective, size, tokens, hidden, site }) =>
        `| ${[`\`${collective}\``, size, tokens, hidden, spread(site)].join(' | ')} |`,
    ),
    '',
  ];
}

/** @param {Bench} bench */
function fusedLines({ device, sections: { fused } }) {
  if (!fused) return [];
  return [
    `FlashInfer ${fused.flashinfer}, fused all-reduce + add + norm by ranks that share one ${device}: time of a launch on the GPU.`,
    'Indicative only, as above.',
    '',
    '| kernel | ranks | tokens | hidden | µs |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...fused.rows.map(
      ({ shot, size, tokens, hidden, launch }) =>
        `| ${[shot, size, tokens, hidden, spread(launch)].join(' | ')} |`,
    ),
    '',
  ];
}

/**
 * A page with its section about GPUs written anew from the committed results.
 *
 * @param {string} page
 * @param {ReturnType<typeof import('./gpu-results.mjs').gpuResults>} results
 */
export function withGpuSection(page, { benches, tests, proofs, soaks, pairs }) {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no "${BEGIN}" before "${END}"`);
  const measured = benches.filter(({ sections }) => sections.norm);
  const text = [
    BEGIN,
    ...tests.flatMap((test) => [testLine(test), '']),
    ...proofLines(proofs, soaks),
    ...benches.flatMap(launchLines),
    'Times of one launch of the norm kernel in µs: bf16, add + RMSNorm, then FP8; median (p10 to p90) of launches in a captured',
    'graph. "of copy" is the time of a copy of as many bytes over it, "PyTorch" that of PyTorch\'s compiled form over it: more than',
    '1 is faster than those.',
    '',
    ...measured.flatMap((bench) => [torchNote(bench), copyNote(bench), '']),
    ...normTable(measured),
    '',
    ...benches.flatMap(collectiveLines),
    ...benches.flatMap(fusedLines),
    ...pairLines(pairs),
  ];
  return `${page.slice(0, from)}${text.join('\n')}${page.slice(to)}`;
}
