const BEGIN = '<!-- from docs/results, by "pnpm docs:patterns" -->';
const END = '<!-- end -->';

/** @typedef {{ medianUs: number, p10Us: number, p90Us: number }} Times */
/** @typedef {{ rows: number, hidden: number, form: string, bytes: number, norm: Times, copy: Times, torch?: Times }} Row */
/** @typedef {{ device: string, cuda: string, date: string, torch?: string, rows: Row[] }} Speed */
/** @typedef {{ device: string, passed: number, failures: unknown[], seed: number }} Test */

const ratio = (/** @type {number} */ of, /** @type {number} */ to) => (of / to).toFixed(2);

/** @param {readonly number[]} values */
const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** @param {Row} row */
function line({ rows, hidden, form, norm, copy, torch }) {
  const { medianUs, p10Us, p90Us } = norm;
  const cells = [
    rows,
    hidden,
    form,
    `${medianUs.toFixed(2)} (${p10Us.toFixed(2)} to ${p90Us.toFixed(2)})`,
    ratio(copy.medianUs, medianUs),
    torch ? ratio(torch.medianUs, medianUs) : '-',
  ];
  return `| ${cells.join(' | ')} |`;
}

/**
 * A page with its section about the GPU written anew from the committed results.
 *
 * @param {string} page
 * @param {Speed} speed
 * @param {Test} test
 */
export function withGpuSection(page, speed, test) {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`the page has no "${BEGIN}" before "${END}"`);
  const compared = speed.rows.flatMap(({ norm, torch }) =>
    torch ? [torch.medianUs / norm.medianUs] : [],
  );
  const slower = compared.filter((found) => found < 0.98).length;
  const text = [
    BEGIN,
    `${test.passed} of ${test.passed + test.failures.length} cases of \`pnpm gpu:test\` agree byte by byte with the host's arithmetic on ${test.device} (seed ${test.seed}).`,
    '',
    `Times of one launch in µs on ${speed.device}, CUDA ${speed.cuda}, ${speed.date}: bf16, add + RMSNorm, then FP8; median (p10 to p90) of`,
    `launches in a captured graph. "of copy" is the time of a copy of as many bytes over it, "PyTorch" that of PyTorch ${speed.torch}'s`,
    `compiled form over it: more than 1 is faster than those. Against PyTorch the geometric mean is ${geometricMean(compared).toFixed(2)}; ${slower} of`,
    `${compared.length} are more than 2 % slower, most of them below 1,024 rows.`,
    '',
    '| rows | hidden | form | µs | of copy | PyTorch |',
    '| ---: | ---: | --- | ---: | ---: | ---: |',
    ...speed.rows.map(line),
    '',
  ];
  return `${page.slice(0, from)}${text.join('\n')}${page.slice(to)}`;
}
