import type { NumericsRecord, Plan, PlanSegment, SiteClass, Stage } from '@arfuse/contract';
import { Random } from '@arfuse/reference';
import { describe, expect, it } from 'vitest';
import { describeFailures, PlanError, sealPlan, verify } from '../../src/index.ts';
import { graphOf, planFor, TEXTS } from './graphs.ts';

/** The plan with its first class changed, and its hash made good. */
function withClass(plan: Plan, change: (site: SiteClass) => SiteClass, at = 0): Plan {
  return sealPlan({
    ...plan,
    classes: plan.classes.map((site, i) => (i === at ? change(site) : site)),
  });
}

function withStage<K extends Stage['kind']>(kind: K, change: Partial<Extract<Stage, { kind: K }>>) {
  return (plan: Plan): Plan =>
    withClass(plan, (site) => ({
      ...site,
      stages: site.stages.map((stage) => (stage.kind === kind ? { ...stage, ...change } : stage)),
    }));
}

const withNumerics =
  (change: Partial<NumericsRecord>) =>
  (plan: Plan): Plan =>
    withClass(plan, (site) => ({ ...site, numerics: { ...site.numerics, ...change } }));

const withSegments =
  (change: (segment: PlanSegment) => PlanSegment) =>
  (plan: Plan): Plan =>
    sealPlan({
      ...plan,
      decisions: plan.decisions.map((decision) => ({
        ...decision,
        segments: decision.segments.map(change),
      })),
    });

/** The slice of the first class as text, edited. */
const withSlice =
  (edit: (text: string) => string) =>
  (plan: Plan): Plan => {
    const [id, slice] = Object.entries(plan.slices)[0]!;
    const before = JSON.stringify(slice);
    const after = edit(before);
    if (after === before) throw new Error('the edit of the slice changes nothing.');
    return sealPlan({ ...plan, slices: { ...plan.slices, [id]: JSON.parse(after) } });
  };

const swapped = (a: string, b: string) =>
  withSlice((text) => {
    const slice = JSON.parse(text);
    [slice.inputs[a], slice.inputs[b]] = [slice.inputs[b], slice.inputs[a]];
    return JSON.stringify(slice);
  });

type Mutation = [
  what: string,
  graph: string,
  output: string,
  mutate: (plan: Plan) => Plan,
  target?: string,
];

const MUTATIONS: readonly Mutation[] = [
  ['eps of the class', 'AR+add+RMS', 'norm', withStage('norm', { eps: 1e-6 })],
  ['eps of the class by a hair', 'AR+add+RMS', 'norm', withStage('norm', { eps: 1.00001e-5 })],
  [
    'eps of the raw nodes',
    'AR+add+RMS',
    'norm',
    withSlice((text) => text.replace('0.00001', '0.000012')),
  ],
  ['eps of a first norm', 'sandwich', 'norm', withStage('pre_norm', { eps: 1e-5 })],
  ['a dropped Gemma bias', 'gemma', 'norm', withStage('norm', { weightBias: 0 })],
  [
    'a dropped Gemma bias of the first norm',
    'sandwich',
    'norm',
    withStage('pre_norm', { weightBias: 0 }),
  ],
  ['a bias of 1 that is not there', 'AR+add+RMS', 'norm', withStage('norm', { weightBias: 1 })],
  ['a dropped weight', 'AR+add+RMS', 'norm', withStage('norm', { weightDtype: null })],
  [
    'residual and partial swapped',
    'AR+add+RMS',
    'residual',
    withSlice((text) => {
      const slice = JSON.parse(text);
      const { partials, residual } = slice.inputs;
      slice.inputs = { ...slice.inputs, partials: [residual], residual: partials[0] };
      return JSON.stringify(slice);
    }),
  ],
  ['weights of a sandwich swapped', 'sandwich', 'norm', swapped('weight', 'preNormWeight')],
  [
    'the scale after the all-reduce',
    'scale after the all-reduce',
    'residual',
    withStage('scale', { factor: 0.2200001 }),
  ],
  ['a residual factor', 'AR+add+RMS', 'residual', withStage('residual', { factor: 1.0000001 })],
  [
    'the form of a static scale',
    'FP8 static',
    'quant',
    withStage('quant', { scaleForm: 'divide' }),
  ],
  [
    'the form of a static scale, divided',
    'FP8 static, norm escaping',
    'quant',
    withStage('quant', { scaleForm: 'reciprocal' }),
  ],
  [
    'the form of a scale per token',
    'FP8 per token',
    'quant',
    withStage('quant', { scaleForm: 'reciprocal' }),
  ],
  ['eps before a quantiser', 'FP8 static', 'norm', withStage('norm', { eps: 1e-6 })],
  [
    'the place of the weight before a quantiser',
    'FP8 static',
    'norm',
    withNumerics({ weightMultiply: 'before' }),
  ],
  ['the floor of a scale', 'FP8 per token', 'scale', withStage('quant', { scaleFloor: 4.4e-6 })],
  ['no floor of a scale', 'FP8 per group', 'scale', withStage('quant', { scaleFloor: null })],
  ['the size of a group', 'FP8 per group', 'scale', withStage('quant', { groupSize: 32 })],
  [
    'the dtype of scales',
    'FP8 per group',
    'scale',
    withStage('quant', { scaleDtype: 'f8e8m0fnu' }),
  ],
  ['a loss of NaN', 'FP8 per token', 'quant', withNumerics({ nan: 'lost' })],
  [
    'outputs of the slice swapped',
    'AR+add+RMS',
    'residual',
    withSlice((text) => {
      const slice = JSON.parse(text);
      slice.outputs = {
        ...slice.outputs,
        norm: slice.outputs.residual,
        residual: slice.outputs.norm,
      };
      return JSON.stringify(slice);
    }),
  ],
  [
    'a merge that subtracts',
    'merged',
    'residual',
    withSlice((text) => text.replace('aten.add.Tensor', 'aten.sub.Tensor')),
  ],
  [
    'a merge that multiplies',
    'merged',
    'residual',
    withSlice((text) => text.replace('aten.add.Tensor', 'aten.mul.Tensor')),
  ],
  [
    'another group',
    'two groups',
    'residual',
    (plan) => withClass(plan, (site) => ({ ...site, group: 1 })),
    'h200-sxm,world=4,group.1=2',
  ],
  [
    'another group of the same size',
    'two groups',
    'residual',
    (plan) => withClass(plan, (site) => ({ ...site, group: 1 })),
    'h200-sxm,world=2,group.1=2',
  ],
  ['the place of the weight', 'AR+add+RMS', 'norm', withNumerics({ weightMultiply: 'before' })],
  ['the place of the weight, before', 'gemma', 'norm', withNumerics({ weightMultiply: 'after' })],
  ['what the norm reads', 'AR+add+RMS', 'norm', withNumerics({ normInput: 'unrounded' })],
  ['a merge before the all-reduce', 'merged', 'residual', withNumerics({ mergedPartials: true })],
  [
    'a sum in the activation dtype',
    'AR+add+RMS',
    'residual',
    (plan) =>
      withSegments((segment) => ({
        ...segment,
        numerics: { ...segment.numerics, accumulate: 'io' },
      }))(withNumerics({ accumulate: 'f32' })(plan)),
    'h200-sxm,world=8',
  ],
  [
    'steps whose weight moves unlisted',
    'gemma',
    'norm',
    withSegments((segment) => ({
      ...segment,
      deviations: [],
      numerics: { ...segment.numerics, weightMultiply: 'after' },
    })),
  ],
  [
    'steps that read another sum unlisted',
    'gemma',
    'norm',
    withSegments((segment) => ({
      ...segment,
      deviations: [],
      steps: [
        {
          kernel: '@arfuse/flashinfer/one-shot',
          params: {},
          covers: ['all_reduce', 'residual', 'norm'],
        },
      ],
      numerics: { ...segment.numerics, normInput: 'unrounded' },
    })),
  ],
];

describe('a changed plan with a sealed hash', () => {
  it.each<Mutation>([...MUTATIONS])(
    '%s (%s): output "%s" fails',
    (_, name, output, mutate, target = 'h200-sxm,world=2') => {
      const plan = planFor(graphOf(name), 2, { target });
      expect(verify(plan).passed).toBe(true);
      const changed = mutate(plan);
      expect(changed).not.toEqual(plan);
      const report = verify(changed);
      const failed = report.classes.flatMap(({ comparisons }) =>
        comparisons.filter(({ passed }) => !passed),
      );
      expect(failed.map((comparison) => comparison.output)).toContain(output);
      const worst = failed.find((comparison) => comparison.output === output)!;
      expect(worst.maxUlps).toBeGreaterThan(0);
      expect(worst.worst).toBeDefined();
      const sentences = describeFailures(report).join('\n');
      expect(sentences).toContain(`output "${output}" differs by`);
      expect(sentences).toContain('ULP');
    },
  );

  it('refuses steps that skip a stage', () => {
    const plan = planFor(graphOf('AR+add+RMS'));
    const changed = withSegments((segment) => ({
      ...segment,
      steps: segment.steps.map((step) => ({
        ...step,
        covers: step.covers.filter((stage) => stage !== 'residual'),
      })),
    }))(plan);
    expect(() => verify(changed)).toThrow(PlanError);
  });

  it('refuses a kernel in the place of one that covers more', () => {
    const plan = planFor(graphOf('AR+add+RMS'));
    const changed = withSegments((segment) => ({
      ...segment,
      steps: [{ kernel: '@arfuse/nccl/all-reduce', params: {}, covers: ['all_reduce'] }],
    }))(plan);
    expect(() => verify(changed)).toThrow(/cover \[all_reduce\]/);
  });

  it('fails for every small change of a numeric attribute', () => {
    const random = new Random(11);
    for (const name of Object.keys(TEXTS).filter((text) => text !== 'two groups')) {
      const plan = planFor(graphOf(name));
      plan.classes[0]!.stages.forEach((stage, at) => {
        for (const [key, value] of Object.entries(stage)) {
          if (typeof value !== 'number' || !['eps', 'factor'].includes(key)) continue;
          const factor =
            1 + (random.uniform() < 0.5 ? -1 : 1) * 2 ** -(4 + Math.floor(12 * random.uniform()));
          const changed = withClass(plan, (site) => ({
            ...site,
            stages: site.stages.map((of, i) => (i === at ? { ...of, [key]: value * factor } : of)),
          }));
          const report = verify(changed, { seed: 1 + (random.word() % 100) });
          expect(report.passed, `${name}: ${stage.kind}.${key} × ${factor}`).toBe(false);
        }
      });
    }
  });
});
