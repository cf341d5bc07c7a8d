import {
  findStage,
  type NumericsRecord,
  type SiteClass,
  type SiteOutput,
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

/** Enough for two quantisation groups of 128; the arithmetic of a row does not depend on its length. */
const HIDDEN = 256;

/** More ranks add nothing that eight do not show. */
const MAX_RANKS = 8;

/** Stages whose result is the reduced value that enters the residual add or the norm. */
const REDUCED: ReadonlySet<string> = new Set(['merge', 'all_reduce', 'bias', 'scale']);

/**
 * A norm in a 16-bit dtype may round to the other side. In float32 the sum of squares itself is rounded: seventeen
 * roundings of a row of 4096 halve in the root, and four more follow.
 */
function normUlps(dtype: StepRequest['dtype']): number {
  return dtype === 'f32' ? 16 : 1;
}

function makeInputs(request: StepRequest, ranks: number): SiteInputs {
  const random = new Random(20261).fork(request.stages.map((stage) => stage.kind).join(' '));
  const kinds = new Set(request.stages.map((stage) => stage.kind));
  const rows = (label: string, special = false): RefTensor =>
    activationRows(request.dtype, ROWS, HIDDEN, random.fork(label), special);
  const partials = kinds.has('merge') ? 2 : 1;
  const quant = findStage(request.stages, 'quant');
  return {
    partials: Array.from({ length: ranks }, (_, rank) =>
      Array.from({ length: partials }, (_unused, i) =>
        rows(`partial ${rank} ${i}`, rank === 0 && i === 0),
      ),
    ),
    ...(kinds.has('residual') ? { residual: rows('residual') } : {}),
    ...(kinds.has('bias') ? { bias: vector(request.dtype, HIDDEN, random.fork('bias'), 0) } : {}),
    weight: vector(request.dtype, HIDDEN, random.fork('weight'), 1),
    preNormWeight: vector(request.dtype, HIDDEN, random.fork('pre-norm'), 1),
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
 * Executes a run of stages with the record that a kernel declares, on simulated ranks, and compares it with an oracle of
 * the same record.
 * @returns a sentence that names output, place and ULPs, or undefined when everything is right
 */
export function simulateOffer(
  request: StepRequest,
  offered: Partial<NumericsRecord>,
): string | undefined {
  const numerics: NumericsRecord = { ...request.numerics, ...offered };
  const reduces = request.stages.some((stage) => stage.kind === 'all_reduce');
  // Behind the all-reduce every rank works alone.
  const size = reduces ? Math.min(request.group.size, MAX_RANKS) : 1;
  const ranks = new SimulatedRanks([{ name: 'default', size }]);
  const inputs = makeInputs(request, size);
  const site: SiteClass = {
    id: 'request',
    pattern: 'ar_add_rms',
    stages: request.stages,
    outputs: request.outputs,
    hidden: HIDDEN,
    dtype: request.dtype,
    group: 0,
    numerics,
  };
  const found = executeSteps(site, [{ stages: request.stages, numerics }], inputs, ranks);
  const expected = oracle(site, numerics, inputs, ranks);
  const preNorm = findStage(request.stages, 'pre_norm') !== undefined;
  const quant = findStage(request.stages, 'quant');
  for (const output of ['all_reduce', 'pre_norm', 'residual', 'norm'] as const) {
    // Behind a first norm that may be off by one, the rest is off by as much.
    const allowed = output === 'norm' || output === 'pre_norm' ? normUlps(request.dtype) : 0;
    if (output === 'all_reduce' && !request.stages.some((stage) => REDUCED.has(stage.kind)))
      continue;
    if (preNorm && (output === 'residual' || output === 'norm')) continue;
    const failure = compare(output, expected, found, allowed);
    if (failure) return failure;
  }
  if (!quant || numerics.quantInput !== 'rounded') return undefined;
  const scale = inputs.scale?.data[0];
  const wanted = found.map((results) => quantiserOracle(results.norm!, quant, numerics.nan, scale));
  return compare('quant', wanted, found, 0) ?? compare('scale', wanted, found, 0);
}
