/** @typedef {import('./gpu-results.mjs').Bench} Bench */
/** @typedef {import('./gpu-results.mjs').NormRow} NormRow */
/** @typedef {import('./gpu-results.mjs').Times} Times */

/** Bytes from which a launch is to run at the speed of a copy. */
const LARGE_BYTES = 32 * 2 ** 20;
const OF_COPY = 0.95;
/** What a comparison may miss by, unless its own spread is wider. */
const TOLERANCE = 0.02;

const ratio = (/** @type {number} */ of, /** @type {number} */ to) => (of / to).toFixed(2);
const rowsOf = (/** @type {Bench} */ { sections }) => sections.norm?.rows ?? [];
const nameOf = (/** @type {Bench} */ { device }) => device.replace(/^NVIDIA (\w+).*/, '$1');

/** @param {readonly number[]} values */
const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** Width of the middle 80 % over the median. @param {Times} times */
const spreadOf = ({ medianUs, p10Us, p90Us }) => (p90Us - p10Us) / medianUs;

/** How a GPU's run compares with PyTorch, in a sentence. @param {Bench} bench */
export function torchNote(bench) {
  const compared = rowsOf(bench).flatMap(({ norm, torch }) =>
    torch
      ? [
          {
            found: torch.medianUs / norm.medianUs,
            allowed: Math.max(TOLERANCE, spreadOf(norm), spreadOf(torch)),
          },
        ]
      : [],
  );
  const head = `${bench.device}, CUDA ${bench.cuda}, ${bench.date}:`;
  if (compared.length === 0) return `${head} not compared with PyTorch.`;
  const slower = compared.filter(({ found, allowed }) => found < 1 - allowed);
  const worst = Math.min(...compared.map(({ found }) => found));
  return (
    `${head} against PyTorch ${bench.sections.norm?.torch} the geometric mean is ${geometricMean(compared.map(({ found }) => found)).toFixed(2)}; ` +
    `${slower.length} of ${compared.length} are slower by more than 2 % and the spread of both (worst ${worst.toFixed(2)}).`
  );
}

/** How a GPU's large launches compare with a copy, in a sentence. @param {Bench} bench */
export function copyNote(bench) {
  const large = rowsOf(bench)
    .filter(({ bytes }) => bytes >= LARGE_BYTES)
    .map(({ norm, copy }) => copy.medianUs / norm.medianUs);
  const below = large.filter((found) => found < OF_COPY);
  return `Of ${large.length} launches of 32 MiB and more, ${below.length} take longer than a copy over ${OF_COPY} (worst ${Math.min(...large).toFixed(2)}).`;
}

/** The shapes of all runs, one GPU beside the other. @param {readonly Bench[]} benches */
export function normTable(benches) {
  const keyOf = (/** @type {NormRow} */ { form, hidden, rows }) => `${form} ${hidden} ${rows}`;
  const byKey = benches.map((bench) => new Map(rowsOf(bench).map((row) => [keyOf(row), row])));
  const shapes = [...new Map(benches.flatMap(rowsOf).map((row) => [keyOf(row), row])).values()];
  const forms = [...new Set(shapes.map(({ form }) => form))];
  shapes.sort(
    (a, b) =>
      forms.indexOf(a.form) - forms.indexOf(b.form) || a.hidden - b.hidden || a.rows - b.rows,
  );
  const names = benches.flatMap((bench) => [`${nameOf(bench)} µs`, 'of copy', 'PyTorch']);
  const cells = (/** @type {NormRow | undefined} */ row) => {
    if (!row) return ['-', '-', '-'];
    const { norm, copy, torch } = row;
    return [
      `${norm.medianUs.toFixed(2)} (${norm.p10Us.toFixed(2)} to ${norm.p90Us.toFixed(2)})`,
      ratio(copy.medianUs, norm.medianUs),
      torch ? ratio(torch.medianUs, norm.medianUs) : '-',
    ];
  };
  return [
    `| ${['form', 'hidden', 'rows', ...names].join(' | ')} |`,
    `| ${['---', '---:', '---:', ...names.map(() => '---:')].join(' | ')} |`,
    ...shapes.map(
      (shape) =>
        `| ${[shape.form, shape.hidden, shape.rows, ...byKey.flatMap((of) => cells(of.get(keyOf(shape))))].join(' | ')} |`,
    ),
  ];
}
