import { deviationsOf, findStage } from '@arfuse/contract';

/** @typedef {import('@arfuse/contract').Stage} Stage */
/** @typedef {import('@arfuse/contract').SiteOutput} SiteOutput */
/** @typedef {import('@arfuse/contract').NumericsRecord} NumericsRecord */
/** @typedef {import('@arfuse/contract').Backend} Backend */
/** @typedef {import('@arfuse/contract').Plan} Plan */

/** @type {import('@arfuse/contract').NormStage} */
const NORM = { kind: 'norm', eps: 1e-5, weightDtype: 'bf16', weightBias: 0 };
/** @type {import('@arfuse/contract').ResidualStage} */
const RESIDUAL = { kind: 'residual', factor: null };
/** @type {import('@arfuse/contract').AllReduceStage} */
const ALL_REDUCE = { kind: 'all_reduce' };

/** @type {Record<string, Omit<import('@arfuse/contract').QuantStage, 'kind'>>} */
const QUANTISERS = {
  fp8_static: {
    scheme: 'fp8_static',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: null,
    scaleFloor: null,
    scaleForm: 'reciprocal',
    scaleLayout: 'none',
  },
  fp8_token: {
    scheme: 'fp8_token',
    outputDtype: 'f8e4m3fn',
    groupSize: null,
    scaleDtype: 'f32',
    scaleFloor: 1 / (512 * 448),
    scaleForm: 'divide',
    scaleLayout: 'row_major',
  },
  fp8_group: {
    scheme: 'fp8_group',
    outputDtype: 'f8e4m3fn',
    groupSize: 64,
    scaleDtype: 'f8e8m0fnu',
    scaleFloor: 1e-10,
    scaleForm: 'divide',
    scaleLayout: 'column_major_packed',
  },
};
const quant = (/** @type {string} */ name) =>
  /** @type {Stage} */ ({ kind: 'quant', ...QUANTISERS[name] });

/** @typedef {{ name: string, stages: Stage[], outputs: SiteOutput[] }} Chain */

/** Chains of stages with the results that leave them. @type {Chain[]} */
export const CHAINS = /** @type {Chain[]} */ ([
  { name: 'all-reduce', stages: [ALL_REDUCE], outputs: ['all_reduce'] },
  { name: 'norm', stages: [ALL_REDUCE, NORM], outputs: ['all_reduce', 'norm'] },
  { name: 'add + norm', stages: [ALL_REDUCE, RESIDUAL, NORM], outputs: ['residual', 'norm'] },
  {
    name: 'Gemma',
    stages: [ALL_REDUCE, RESIDUAL, { ...NORM, weightBias: 1 }],
    outputs: ['residual', 'norm'],
  },
  {
    name: 'sandwich',
    stages: [
      ALL_REDUCE,
      {
        kind: 'pre_norm',
        eps: 1e-6,
        weightDtype: 'bf16',
        weightBias: 1,
        weightMultiply: 'before',
      },
      RESIDUAL,
      NORM,
    ],
    outputs: ['residual', 'norm'],
  },
  {
    name: 'merged halves',
    stages: [{ kind: 'merge' }, ALL_REDUCE, RESIDUAL, NORM],
    outputs: ['residual', 'norm'],
  },
  ...['fp8_static', 'fp8_token', 'fp8_group'].flatMap((name) => [
    {
      name,
      stages: [ALL_REDUCE, RESIDUAL, NORM, quant(name)],
      outputs: /** @type {SiteOutput[]} */ (['residual', 'quant', 'scale']),
    },
    {
      name: `${name} with norm`,
      stages: [ALL_REDUCE, RESIDUAL, NORM, quant(name)],
      outputs: /** @type {SiteOutput[]} */ (['residual', 'norm', 'quant', 'scale']),
    },
  ]),
]).map((chain) => ({
  ...chain,
  outputs: chain.outputs.filter(
    (output) => output !== 'scale' || chain.name.slice(0, 10) !== 'fp8_static',
  ),
}));

/** What a captured program of the chain computes. @param {readonly Stage[]} stages @returns {NumericsRecord} */
function numericsOf(stages) {
  const norm = findStage(stages, 'norm');
  const preNorm = findStage(stages, 'pre_norm');
  const last = findStage(stages, 'quant');
  return {
    accumulate: 'unspecified',
    reduceOrder: 'unspecified',
    hopRounding: 'unspecified',
    allReduceRounded: true,
    normInput: 'rounded',
    weightMultiply: 'before',
    weightBias: norm?.weightBias ?? 0,
    weightDtype: norm?.weightDtype ?? null,
    preNormWeightMultiply: preNorm?.weightMultiply ?? null,
    quantInput: last ? 'rounded' : null,
    scaleFloor: last?.scaleFloor ?? null,
    scaleForm: last?.scaleForm ?? null,
    scaleLayout: last?.scaleLayout ?? null,
    nan: 'propagate',
    geometryInvariant: true,
    mergedPartials: false,
  };
}

/**
 * A plan of one class in which one kernel performs the all-reduce, with what follows it where it can, and arfuse's own
 * kernels do the rest.
 *
 * @param {{ chain: typeof CHAINS[number], dtype: 'bf16' | 'f16' | 'f32', hidden: number, size: number, tokens: readonly number[],
 *   collective: string, backends: readonly Backend[], capability: number, sites?: number }} given
 * @returns {{ plan: Plan } | { reasons: readonly string[] }} or why a kernel does not admit it
 */
export function rankPlan(given) {
  const { dtype, hidden, size, tokens, collective, backends, capability } = given;
  const max = Math.max(...tokens);
  const outputs = given.chain.outputs;
  /** @type {Stage[]} */
  const stages = given.chain.stages.map((stage) =>
    'weightDtype' in stage ? { ...stage, weightDtype: dtype } : stage,
  );
  const numerics = numericsOf(stages);
  const target = {
    sku: 'h100-sxm',
    capability,
    interconnect: /** @type {const} */ ('nvlink-switch'),
    multicast: false,
    groups: { default: { size, nodes: 1 } },
    tokens: { max, buckets: [...tokens], graphUpTo: max },
    libraries: {},
  };
  const kernels = backends.flatMap((backend) => backend.kernels);
  const kernelOf = (/** @type {string} */ id) => kernels.find((kernel) => kernel.id === id);
  const request = (/** @type {Stage[]} */ run, /** @type {SiteOutput[]} */ wanted) => ({
    stages: run,
    outputs: wanted,
    numerics,
    hidden,
    dtype,
    rows: { min: Math.min(...tokens), max },
    mode: /** @type {const} */ ('graph'),
    group: { size, nodes: 1 },
    target,
  });
  const steps = [];
  /** @type {Partial<NumericsRecord>} */
  let joined = {};
  let reasons = /** @type {readonly string[]} */ ([]);
  let start = 0;
  const merged = stages[0]?.kind === 'merge';
  // The collective takes as long a run as it admits.
  while (start < stages.length) {
    const before = start;
    const reduces = stages[start]?.kind === 'all_reduce';
    const id = reduces
      ? collective
      : stages[start]?.kind === 'merge'
        ? '@arfuse/native/add-partials'
        : '@arfuse/native/norm';
    const kernel = kernelOf(id);
    const longest = id.endsWith('add-partials') ? start + 1 : stages.length;
    for (let end = longest; kernel && end > start; end -= 1) {
      const run = stages.slice(start, end);
      const rest = stages.slice(end);
      const wanted = outputsOf(run, outputs, rest.length > 0);
      const asked = request(run, wanted);
      const admission = kernel.admit(asked);
      if (!admission.admitted) {
        reasons = admission.reasons;
        continue;
      }
      const offer = kernel.offer(asked);
      steps.push({ kernel: id, params: offer.params, covers: run.map(({ kind }) => kind) });
      joined = { ...joined, ...offer.numerics };
      start = end;
      break;
    }
    if (start === before) return { reasons };
  }
  const record = { ...numerics, ...joined, ...(merged ? { mergedPartials: true } : {}) };
  const sites = Array.from({ length: given.sites ?? 1 }, (_, i) => `s${i}`);
  const site = {
    id: 'c0',
    pattern: /** @type {const} */ ('ar_add_rms'),
    stages,
    outputs,
    hidden,
    dtype,
    group: 0,
    numerics,
  };
  const plan = /** @type {Plan} */ (
    /** @type {unknown} */ ({
      specificationVersion: 1,
      kind: 'arfuse.plan',
      target,
      tables: [],
      backends: backends.map(({ name, version }) => ({ name, version })),
      groups: [{ name: 'tp', size, nodes: 1 }],
      classes: [site],
      sites: sites.map((id) => ({ id, class: 'c0' })),
      decisions: [
        {
          class: 'c0',
          sites,
          candidates: [],
          segments: [
            {
              tokens: [Math.min(...tokens), max],
              mode: 'graph',
              steps,
              evidence: { kind: 'rule', note: 'made for a test' },
              numerics: record,
              deviations: deviationsOf(numerics, record),
              reason: 'made for a test',
            },
          ],
        },
      ],
      hash: `${collective} ${given.chain.name} ${dtype} ${hidden} ${size}`,
    })
  );
  return { plan };
}

/** Results of a run that leave it. @param {Stage[]} run @param {readonly SiteOutput[]} outputs @param {boolean} goesOn */
function outputsOf(run, outputs, goesOn) {
  /** @type {Partial<Record<Stage['kind'], SiteOutput[]>>} */
  const of = {
    merge: [],
    all_reduce: ['all_reduce'],
    bias: ['all_reduce'],
    scale: ['all_reduce'],
    pre_norm: ['pre_norm'],
    residual: ['residual'],
    norm: ['norm'],
    quant: ['quant', 'scale'],
  };
  const left = run.flatMap(({ kind }) => of[kind] ?? []);
  const last = left.at(-1);
  return left.filter(
    (name, i) => outputs.includes(name) || (goesOn && name === last && i === left.length - 1),
  );
}
