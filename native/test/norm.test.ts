import type { IoDType, NumericsRecord, QuantStage, SiteOutput, Stage } from '@arfuse/contract';
import {
  activationRows,
  executeSteps,
  fromBits,
  Random,
  SimulatedRanks,
  scalar,
  vector,
} from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import type { NativeArithmetic } from '../src/index.ts';
import { expectedCodes, launchOf, type NormCase } from './norm-launch.ts';
import { addon } from './support.ts';

const RECORD: NumericsRecord = {
  accumulate: 'f32',
  reduceOrder: 'rank',
  hopRounding: false,
  allReduceRounded: true,
  normInput: 'rounded',
  weightMultiply: 'before',
  weightBias: 0,
  weightDtype: 'bf16',
  preNormWeightMultiply: null,
  quantInput: null,
  scaleFloor: null,
  scaleForm: null,
  scaleLayout: null,
  nan: 'propagate',
  geometryInvariant: true,
  mergedPartials: false,
};

const norm = (weightDtype: IoDType | null, weightBias: 0 | 1 = 0): Stage => ({
  kind: 'norm',
  eps: 1e-5,
  weightDtype,
  weightBias,
});
const residual = (factor: number | null = null): Stage => ({ kind: 'residual', factor });

const STATIC: QuantStage = {
  kind: 'quant',
  scheme: 'fp8_static',
  outputDtype: 'f8e4m3fn',
  groupSize: null,
  scaleDtype: null,
  scaleFloor: null,
  scaleForm: 'reciprocal',
  scaleLayout: 'none',
};
const TOKEN: QuantStage = {
  ...STATIC,
  scheme: 'fp8_token',
  scaleDtype: 'f32',
  scaleFloor: 1 / 512 / 448,
  scaleForm: 'divide',
  scaleLayout: 'row_major',
};
const GROUP: QuantStage = { ...TOKEN, scheme: 'fp8_group', groupSize: 64, scaleFloor: 1e-10 };
const PACKED: QuantStage = {
  ...GROUP,
  scaleDtype: 'f8e8m0fnu',
  scaleLayout: 'column_major_packed',
};
const NVFP4: QuantStage = {
  ...STATIC,
  scheme: 'nvfp4',
  outputDtype: 'f4e2m1fnx2',
  groupSize: 16,
  scaleDtype: 'f8e4m3fn',
  scaleLayout: 'swizzled_128x4',
};

/** The stages of every pattern, by what they are there to show. */
const RUNS: readonly (readonly [name: string, stages: (dtype: IoDType) => Stage[]])[] = [
  ['norm alone', (dtype) => [norm(dtype)]],
  ['add and norm', (dtype) => [residual(), norm(dtype)]],
  ['norm without weight', () => [residual(), norm(null)]],
  ['Gemma', (dtype) => [residual(), norm(dtype, 1)]],
  ['float32 weight', () => [residual(), norm('f32')]],
  ['scaled residual', (dtype) => [residual(0.3), norm(dtype)]],
  ['bias', (dtype) => [{ kind: 'bias', dtype }, residual(), norm(dtype)]],
  [
    'scale, bias, scale',
    (dtype) => [
      { kind: 'scale', factor: 0.7 },
      { kind: 'bias', dtype },
      { kind: 'scale', factor: 1.3 },
      norm(dtype),
    ],
  ],
  [
    'sandwich',
    (dtype) => [
      { kind: 'pre_norm', eps: 1e-6, weightDtype: dtype, weightBias: 1, weightMultiply: 'before' },
      residual(),
      norm(dtype, 1),
    ],
  ],
  ['residual add alone', () => [residual()]],
  ['static FP8', (dtype) => [residual(), norm(dtype), STATIC]],
  ['static FP8 by division', (dtype) => [norm(dtype), { ...STATIC, scaleForm: 'divide' }]],
  ['FP8 per token', (dtype) => [residual(), norm(dtype), TOKEN]],
  ['FP8 per token, UE8M0', (dtype) => [norm(dtype), { ...TOKEN, scaleDtype: 'f8e8m0fnu' }]],
  ['FP8 per group', (dtype) => [residual(), norm(dtype), GROUP]],
  ['FP8 per group, columns', (dtype) => [norm(dtype), { ...GROUP, scaleLayout: 'column_major' }]],
  ['FP8 per group, packed UE8M0', (dtype) => [residual(), norm(dtype), PACKED]],
  ['NVFP4, swizzled', (dtype) => [residual(), norm(dtype), NVFP4]],
  ['NVFP4, linear', (dtype) => [norm(dtype), { ...NVFP4, scaleLayout: 'linear' }]],
];

function caseOf(
  stages: readonly Stage[],
  dtype: IoDType,
  rows: number,
  hidden: number,
  numerics: Partial<NumericsRecord>,
): NormCase {
  const random = new Random(rows * hidden);
  const kinds = new Set(stages.map(({ kind }) => kind));
  const last = stages.find((stage) => stage.kind === 'norm');
  const quant = stages.find((stage) => stage.kind === 'quant');
  const given = quant?.scheme === 'fp8_static' ? 0.01 : 300;
  return {
    rows,
    hidden,
    dtype,
    stages,
    numerics: { ...RECORD, quantInput: quant ? 'rounded' : null, ...numerics },
    inputs: {
      partials: [[activationRows(dtype, rows, hidden, random, true)]],
      ...(kinds.has('residual')
        ? { residual: activationRows(dtype, rows, hidden, random.fork('r'), false) }
        : {}),
      ...(last?.weightDtype ? { weight: vector(last.weightDtype, hidden, random, 1) } : {}),
      ...(kinds.has('bias') ? { bias: vector(dtype, hidden, random, 0) } : {}),
      ...(kinds.has('pre_norm') ? { preNormWeight: vector(dtype, hidden, random, 1) } : {}),
      ...(quant && (quant.scheme === 'fp8_static' || quant.scheme === 'nvfp4')
        ? { scale: scalar('f32', given) }
        : {}),
    },
  };
}

/** Outputs in which the addon and the reference differ, with the first place of each. */
function differences(given: NormCase, arithmetic: NativeArithmetic): string[] {
  const { launch, outputs } = launchOf(given);
  arithmetic.norm(launch);
  const site = { hidden: given.hidden, dtype: given.dtype, group: 0 };
  const stages: Stage[] = [{ kind: 'all_reduce' }, ...given.stages];
  const ranks = new SimulatedRanks([{ name: 'one', size: 1 }]);
  const [results] = executeSteps(site, [{ stages, numerics: given.numerics }], given.inputs, ranks);
  return (Object.keys(outputs) as SiteOutput[]).flatMap((name) => {
    const expected = expectedCodes(name, results!, given);
    const actual = outputs[name]!;
    if (actual.length !== expected.length)
      return [`${name}: ${actual.length} of ${expected.length}`];
    const isNan = (code: number): boolean =>
      name !== 'quant' && name !== 'scale'
        ? Number.isNaN(fromBits(given.dtype, code))
        : Number.isNaN(code);
    for (let i = 0; i < actual.length; i += 1) {
      if (actual[i] !== expected[i] && !(isNan(actual[i]!) && isNan(expected[i]!)))
        return [`${name}[${i}]: ${actual[i]}, not ${expected[i]}`];
    }
    return [];
  });
}

describe.skipIf('missing' in addon)('norm of the addon, on the host', () => {
  const { arithmetic } = (addon as { binding: { arithmetic: NativeArithmetic } }).binding ?? {};

  for (const dtype of ['bf16', 'f16', 'f32'] as const) {
    it.each(RUNS)(`${dtype}: %s is what the reference computes, to the bit`, (_, stages) => {
      for (const [rows, hidden] of [
        [9, 64],
        [3, 192],
        [2, 2880 - (2880 % 64)],
      ] as const) {
        for (const normInput of ['rounded', 'unrounded'] as const) {
          for (const weightMultiply of ['before', 'after'] as const) {
            for (const nan of ['propagate', 'lost'] as const) {
              const made = caseOf(stages(dtype), dtype, rows, hidden, {
                normInput,
                weightMultiply,
                nan,
              });
              expect(
                differences(made, arithmetic),
                `${rows} × ${hidden} ${normInput} ${weightMultiply} ${nan}`,
              ).toEqual([]);
            }
          }
        }
      }
    });
  }

  it('quantises the unrounded norm where the record says so', () => {
    for (const quant of [STATIC, TOKEN, GROUP]) {
      const made = caseOf([residual(), norm('bf16'), quant], 'bf16', 7, 256, {
        quantInput: 'unrounded',
      });
      expect(differences(made, arithmetic)).toEqual([]);
    }
  });

  it.each([
    8, 24, 360, 1000, 2048, 2880, 4104, 5120, 7168, 8192, 16_384, 32_760, 32_768, 65_528, 65_536,
  ])('hidden %i: the tree has the same order', (hidden) => {
    const quants = [[], [STATIC], ...(hidden % 64 === 0 ? [[GROUP]] : [])];
    for (const quant of quants) {
      const made = caseOf([residual(), norm('bf16'), ...quant], 'bf16', 2, hidden, {});
      expect(differences(made, arithmetic)).toEqual([]);
    }
  });

  // Another shape of the launch than for few rows: more vectors per thread.
  it.each([
    ['norm', []],
    ['static FP8', [STATIC]],
    ['FP8 per token', [TOKEN]],
    ['FP8 per group', [GROUP]],
  ] as const)('%s: many rows are what the reference computes', (_, quant) => {
    const made = caseOf([residual(), norm('bf16'), ...quant], 'bf16', 257, 1088, {});
    expect(differences(made, arithmetic)).toEqual([]);
  });

  it('refuses what it cannot run, by name', () => {
    const { launch } = launchOf(caseOf([residual(), norm('bf16')], 'bf16', 2, 64, {}));
    const refused = (change: object) => () => arithmetic.norm({ ...launch, ...change });
    expect(refused({ hidden: 65 })).toThrow('hidden: expected a multiple of 8.');
    expect(refused({ hidden: 65_544 })).toThrow('hidden: expected an integer from 8 to 65536.');
    expect(refused({ x: new Uint16Array(127) })).toThrow('x: expected 256 bytes, not 254.');
    expect(refused({ dtype: 'f64' })).toThrow('dtype: expected one of bf16, f16, f32.');
    expect(refused({ norm: { ...launch.norm, weight: new Uint16Array(3) } })).toThrow(
      'weight: expected 128 bytes, not 6.',
    );
    expect(refused({ norm: { ...launch.norm, weightMultiply: 'never' } })).toThrow(
      'weightMultiply: expected one of before, after.',
    );
  });
});
