import {
  type DType,
  findStage,
  type NumericsRecord,
  type SiteClass,
  type SiteOutput,
  type Stage,
  type StepRequest,
} from '@arfuse/contract';
import {
  activationRows,
  executeSteps,
  oracle,
  quantiserOracle,
  Random,
  type RefTensor,
  SimulatedRanks,
  type SiteInputs,
  type SiteResults,
  scalar,
  ulpDistance,
  vector,
} from '@arfuse/reference';

/** Every kind of row once. */
const ROWS = 7;

/** Enough for two quantisation groups of 128; what a row shows does not depend on its length. */
const HIDDEN = 256;

/** More ranks add nothing that eight do not show. */
const MAX_RANKS = 8;

/** Stages whose result is the reduced value that enters the residual add or the norm. */
const REDUCED: ReadonlySet<string> = new Set(['merge', 'all_reduce', 'bias', 'scale']);

/**
 * Sums of squares are added in another order than the oracle's, so a norm in a 16-bit dtype may round to the other side.
 * In float32 nothing hides the order: over 256 elements fourteen roundings of the mean halve in the root, and with the
 * products on both sides the two stay within 14 ULP.
 */
function sumUlps(dtype: DType): number {
  return dtype === 'f32' ? 16 : 1;
}

/** Whole quantisation groups, so that every element has a scale. */
function hiddenFor(request: StepRequest): number {
  const size = findStage(request.stages, 'quant')?.groupSize ?? 1;
  return Math.max(1, Math.floor(HIDDEN / size)) * size;
}

function makeInputs(request: StepRequest, ranks: number, hidden: number): SiteInputs {
  const random = new Random(20261).fork(request.stages.map((stage) => stage.kind).join(' '));
  const kinds = new Set(request.stages.map((stage) => stage.kind));
  const rows = (label: string, special = false): RefTensor =>
    activationRows(request.dtype, ROWS, hidden, random.fork(label), special);
  const partials = kinds.has('merge') ? 2 : 1;
  const quant = findStage(request.stages, 'quant');
  return {
    partials: Array.from({ length: ranks }, (_, rank) =>
      Array.from({ length: partials }, (_unused, i) =>
        rows(`partial ${rank} ${i}`, rank === 0 && i === 0),
      ),
    ),
    ...(kinds.has('residual') ? { residual: rows('residual') } : {}),
    ...(kinds.has('bias') ? { bias: vector(request.dtype, hidden, random.fork('bias'), 0) } : {}),
    weight: vector(request.dtype, hidden, random.fork('weight'), 1),
    preNormWeight: vector(request.dtype, hidden, random.fork('pre-norm'), 1),
    ...(quant ? { scale: scalar('f32', quant.scheme === 'nvfp4' ? 448 : 0.01) } : {}),
  };
}

function compare(
  output: SiteOutput,
  expected: readonly SiteResults[],
  found: readonly SiteResults[],
  allowed: number,
): string | undefined {
  for (const [rank, results] of expected.entries()) {
    const wanted = results[output];
    const got = found[rank]?.[output];
    if (!wanted) continue;
    if (!got) return `output "${output}" is missing on rank ${rank}.`;
    const columns = wanted.shape.at(-1) ?? 1;
    for (let i = 0; i < wanted.data.length; i += 1) {
      const ulps = ulpDistance(wanted.dtype, wanted.data[i]!, got.data[i]!);
      if (ulps <= allowed) continue;
      return (
        `output "${output}" differs by ${ulps} ULP at rank ${rank}, row ${Math.floor(i / columns)}, column ${i % columns}: ` +
        `expected ${wanted.data[i]}, found ${got.data[i]}; ${allowed} ULP are allowed.`
      );
    }
  }
  return undefined;
}

/**
 * Executes a run of stages with the record that a kernel declares, on simulated ranks, and compares every result with an
 * oracle of the same record. Runs that start behind the all-reduce take what is already reduced.
 * @returns a sentence that names output, place and ULPs, or undefined when everything agrees
 */
export function simulateOffer(
  request: StepRequest,
  offered: Partial<NumericsRecord>,
): string | undefined {
  const { dtype } = request;
  // One all-reduce of an unmerged pair computes what any all-reduce computes.
  const stages = findStage(request.stages, 'merge')
    ? request.stages
    : request.stages.map((stage) => (stage.kind === 'all_reduce' ? { kind: stage.kind } : stage));
  const numerics: NumericsRecord = { ...request.numerics, ...offered };
  const reduces = findStage(stages, 'all_reduce') !== undefined;
  // Behind the all-reduce every rank works alone.
  const size = reduces ? Math.min(request.group.size, MAX_RANKS) : 1;
  const ranks = new SimulatedRanks([{ name: 'default', size }]);
  const hidden = hiddenFor(request);
  const inputs = makeInputs(request, size, hidden);
  const site: SiteClass = {
    id: 'request',
    pattern: 'ar_add_rms',
    stages,
    outputs: request.outputs,
    hidden,
    dtype,
    group: 0,
    numerics,
  };
  const found = executeSteps(site, [{ stages, numerics }], inputs, ranks);
  const whole = oracle(site, numerics, inputs, ranks);
  const preNorm = findStage(stages, 'pre_norm');
  // What follows a first norm is compared given the first norm that was found.
  const expected = preNorm
    ? oracle(
        { ...site, stages: stages.slice(stages.indexOf(preNorm) + 1) },
        numerics,
        { ...inputs, partials: found.map((results) => [results.pre_norm!]) },
        ranks,
      )
    : whole;
  const produced = new Set(stages.map((stage) => stage.kind));
  const checks = [
    stages.some((stage) => REDUCED.has(stage.kind)) && compare('all_reduce', whole, found, 0),
    preNorm && compare('pre_norm', whole, found, sumUlps(dtype)),
    produced.has('residual') && compare('residual', expected, found, 0),
    produced.has('norm') && compare('norm', expected, found, sumUlps(dtype)),
    ...quantised(stages, numerics, inputs, expected, found),
  ];
  return checks.find((failure) => typeof failure === 'string');
}

/** Elements and scales: exact given the norm that was found, or, where that norm is never stored, one code step. */
function quantised(
  stages: readonly Stage[],
  numerics: NumericsRecord,
  inputs: SiteInputs,
  expected: readonly SiteResults[],
  found: readonly SiteResults[],
): (string | undefined)[] {
  const quant = findStage(stages, 'quant');
  if (!quant) return [];
  const stored = numerics.quantInput === 'rounded';
  const scale = inputs.scale?.data[0];
  const wanted = stored
    ? found.map((results) => quantiserOracle(results.norm!, quant, numerics.nan, scale))
    : expected;
  return [
    compare('quant', wanted, found, stored ? 0 : 1),
    compare('scale', wanted, found, stored ? 0 : sumUlps(quant.scaleDtype ?? 'f32')),
  ];
}
