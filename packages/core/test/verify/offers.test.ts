import type { Backend, Kernel, NumericsRecord, Plan, PlanSegment } from '@arfuse/contract';
import { createFlashInfer, flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import { INPUTS, reduce } from '../../../patterns/test/chains.ts';
import { program } from '../../../patterns/test/program.ts';
import {
  BackendError,
  defaultPolicy,
  describeFailures,
  firstOf,
  native,
  nccl,
  type OfferDifference,
  type OfferVerification,
  override,
  PlanError,
  parsePlan,
  plan as planGraph,
  printPlan,
  sealPlan,
  verify,
} from '../../src/index.ts';
import { BACKENDS, fixture, graphOf, planFor, TEXTS } from './graphs.ts';

const FLASHINFER = '@arfuse/flashinfer';
const ONE_SHOT = `${FLASHINFER}/one-shot`;
const TWO_SHOT = `${FLASHINFER}/two-shot`;
const NCCL = '@arfuse/nccl/all-reduce';
const NORM = '@arfuse/native/norm';

/** The plan with some segments changed, sealed again, and a valid document. */
function forged(plan: Plan, change: (segment: PlanSegment) => PlanSegment): Plan {
  const sealed = sealPlan({
    ...plan,
    decisions: plan.decisions.map((decision) => ({
      ...decision,
      segments: decision.segments.map(change),
    })),
  });
  expect(sealed).not.toEqual(plan);
  return parsePlan(printPlan(sealed));
}

const withSteps = (
  plan: Plan,
  change: (step: PlanSegment['steps'][number]) => PlanSegment['steps'][number],
): Plan => forged(plan, (segment) => ({ ...segment, steps: segment.steps.map(change) }));

const withNumerics = (plan: Plan, change: Partial<NumericsRecord>): Plan =>
  forged(plan, (segment) => ({ ...segment, numerics: { ...segment.numerics, ...change } }));

/** Everything that differs, once the numbers are as right as before the change. */
function onlyOffersFail(plan: Plan, use: readonly Backend[] = BACKENDS): OfferVerification[] {
  const blind = verify(plan, { tokens: [3] });
  expect(blind).toMatchObject({ passed: true, offers: [] });
  const report = verify(plan, { tokens: [3], use });
  expect(report.passed).toBe(false);
  expect(report.classes).toEqual(blind.classes);
  const failed = report.offers.filter(({ passed }) => !passed);
  expect(failed.length).toBeGreaterThan(0);
  expect(describeFailures(report)).toHaveLength(
    failed.reduce((sum, { differences }) => sum + differences.length, 0),
  );
  return failed;
}

const differencesOf = (offers: readonly OfferVerification[]): readonly OfferDifference[] =>
  offers.flatMap(({ differences }) => differences);

/** World 8 takes the fused kernel for small launches and NCCL with our norm for large ones. */
const planOfEight = (): Plan => planFor(graphOf('AR+add+RMS'), 8);

describe('a plan and the kernels that it was made with', () => {
  it.each(Object.keys(TEXTS).filter((name) => name !== 'two groups'))('agree: "%s"', (name) => {
    for (const world of [2, 4, 8]) {
      const plan = planFor(graphOf(name), world);
      const { offers, notes, passed } = verify(plan, { tokens: [2], use: BACKENDS });
      expect(offers).toEqual(
        plan.decisions.flatMap((decision) =>
          decision.segments.map(({ tokens, mode, steps }) => ({
            class: decision.class,
            tokens,
            mode,
            steps: steps.map(({ kernel }) => kernel),
            passed: true,
            notCompared: [],
            differences: [],
          })),
        ),
      );
      expect(passed).toBe(true);
      expect(notes.join()).not.toContain('offer');
    }
  });

  it.each(['graphs/deepseek-v2-lite.tp2.fx.txt.gz', 'pt2/gemma3-tiny.tp2.pt2'])(
    'agree: %s, after print and parse',
    async (path) => {
      const plan = parsePlan(printPlan(planFor(await fixture(path), 8)));
      const { offers } = verify(plan, { tokens: [1], use: BACKENDS });
      expect(offers.length).toBe(plan.decisions.flatMap(({ segments }) => segments).length);
      expect(differencesOf(offers)).toEqual([]);
    },
  );

  it('agree where what a kernel offers follows the rows that it admits', () => {
    // Asked for the rows of a segment alone, it would offer another tile.
    const graph = graphOf('AR+add+RMS');
    const use = [...BACKENDS, tiled];
    const policy = firstOf(
      override('@acme/tiled/norm', { tokens: [1, 100] }),
      override('@acme/tiled/norm', { tokens: [600, 700] }),
      defaultPolicy(),
    );
    const plan = planFor(graph, 8, { use, policy });
    const segments = plan.decisions.flatMap((decision) => decision.segments);
    const tiles = segments.flatMap(({ steps }) => steps.map(({ params }) => params.tile));
    expect(tiles.filter((tile) => tile !== undefined)).toEqual([512, 8192, 8192]);
    expect(describeFailures(verify(plan, { tokens: [2], use }))).toEqual([]);
  });

  it('are not compared without backends, and the report says so', () => {
    const report = verify(planOfEight(), { tokens: [2] });
    expect(report).toMatchObject({ passed: true, offers: [] });
    expect(report.notes.at(-1)).toMatch(
      /^Verified without backends: .* Give the backends in `use`/,
    );
  });
});

describe('a plan that was changed and sealed again', () => {
  it('names a fused kernel in the place of another', () => {
    const plan = withSteps(planOfEight(), (step) =>
      step.kernel === ONE_SHOT ? { ...step, kernel: TWO_SHOT } : step,
    );
    const failed = onlyOffersFail(plan);
    // Up to as many tokens as ranks it cannot run at all.
    expect(failed[0]).toMatchObject({ class: 'c0', tokens: [1, expect.any(Number)] });
    expect(failed[0]!.differences).toMatchObject([
      {
        kernel: TWO_SHOT,
        field: 'admission',
        offered: expect.stringContaining('more tokens than'),
      },
    ]);
  });

  it('names the parameter in which two kernels of the same cover differ', () => {
    const plan = planFor(graphOf('AR+add+RMS'), 8, { target: 'h200-sxm,world=8,buckets=16:32' });
    const swapped = forged(plan, (segment) => {
      const [step] = segment.steps;
      return segment.tokens[0] > 16 && step!.kernel === ONE_SHOT
        ? { ...segment, steps: [{ ...step!, kernel: TWO_SHOT }] }
        : segment;
    });
    expect(differencesOf(onlyOffersFail(swapped))[0]).toEqual({
      kernel: TWO_SHOT,
      field: 'params.oneShot',
      recorded: true,
      offered: false,
    });
  });

  it('names the numerics in which two all-reduces differ', () => {
    const twoShot = symmMem().kernels.find(({ id }) => id.includes('two-shot'))!.id;
    const plan = withSteps(planOfEight(), (step) =>
      step.kernel === NCCL ? { ...step, kernel: twoShot } : step,
    );
    const differences = differencesOf(onlyOffersFail(plan));
    expect(differences.every(({ kernel }) => kernel.startsWith(twoShot))).toBe(true);
    expect(differences).toContainEqual({
      kernel: twoShot,
      field: 'numerics.reduceOrder',
      recorded: 'ring',
      offered: 'rank',
    });
  });

  it.each<[string, string | number | boolean | null]>([
    ['fp32Acc', false],
    ['pdl', null],
    ['triggerCompletionAtEnd', 1],
  ])('names the parameter %s', (name, value) => {
    const plan = withSteps(planOfEight(), (step) =>
      step.kernel === ONE_SHOT ? { ...step, params: { ...step.params, [name]: value } } : step,
    );
    const failed = onlyOffersFail(plan);
    const offered = flashinferParam(name);
    for (const difference of differencesOf(failed)) {
      expect(difference).toEqual({
        kernel: ONE_SHOT,
        field: `params.${name}`,
        recorded: value,
        offered,
      });
    }
    expect(describeFailures(verify(plan, { tokens: [3], use: BACKENDS }))[0]).toBe(
      `class c0 [${ONE_SHOT}], tokens 1–${failed[0]!.tokens[1]}: offers comparison of ${ONE_SHOT}: ` +
        `the plan records params.${name} ${JSON.stringify(value)}, the kernel offers ${JSON.stringify(offered)}.`,
    );
  });

  it('names a parameter that is left out, and one that no kernel knows', () => {
    const plan = withSteps(planOfEight(), (step) => {
      const { normInput: _, ...params } = step.params;
      return step.kernel === NORM ? { ...step, params: { ...params, rows: [1, 2] } } : step;
    });
    expect(differencesOf(onlyOffersFail(plan)).slice(0, 2)).toEqual([
      { kernel: NORM, field: 'params.rows', recorded: [1, 2], offered: undefined },
      { kernel: NORM, field: 'params.normInput', recorded: undefined, offered: 'rounded' },
    ]);
  });

  it('names numerics that no number shows', () => {
    const plan = withNumerics(planOfEight(), { geometryInvariant: true });
    expect(differencesOf(onlyOffersFail(plan))[0]).toEqual({
      kernel: ONE_SHOT,
      field: 'numerics.geometryInvariant',
      recorded: true,
      offered: false,
    });
  });

  it.each<[keyof NumericsRecord, Partial<NumericsRecord>, string]>([
    ['accumulate', { accumulate: 'io' }, ONE_SHOT],
    ['reduceOrder', { reduceOrder: 'tree' }, ONE_SHOT],
    ['hopRounding', { hopRounding: true }, ONE_SHOT],
    ['nan', { nan: 'lost' }, ONE_SHOT],
    // No kernel decides it: it is the site's.
    ['mergedPartials', { mergedPartials: true }, ONE_SHOT],
    ['scaleFloor', { scaleFloor: 1e-3 }, ONE_SHOT],
  ])('names the numerics field %s', (field, change, kernel) => {
    const report = verify(withNumerics(planOfEight(), change), { tokens: [3], use: BACKENDS });
    expect(report.passed).toBe(false);
    const first = report.offers[0]!;
    expect(first.differences).toMatchObject([
      { kernel, field: `numerics.${field}`, recorded: change[field] },
    ]);
    expect(describeFailures(report).join('\n')).toContain(
      `offers comparison of ${kernel}: the plan records numerics.${field} ${JSON.stringify(change[field])}`,
    );
  });

  it('names a deviation that is not listed, and one that is no deviation', () => {
    const plan = planOfEight();
    const deviations = plan.decisions[0]!.segments[0]!.deviations;
    expect(deviations.map(({ name }) => name)).toEqual(['weightMultiply']);
    const silent = verify(
      forged(plan, (segment) => ({ ...segment, deviations: [] })),
      { tokens: [3], use: BACKENDS },
    );
    expect(differencesOf(silent.offers)[0]).toEqual({
      kernel: ONE_SHOT,
      field: 'deviations.weightMultiply',
      recorded: undefined,
      offered: 'after → before',
    });
    const loose = forged(plan, (segment) => ({
      ...segment,
      deviations: [
        ...segment.deviations,
        { name: 'normInput', site: 'rounded', steps: 'unrounded' },
      ],
    }));
    const { offers } = verify(loose, { tokens: [3], use: BACKENDS });
    expect(differencesOf(offers)[0]).toMatchObject({
      field: 'deviations.normInput',
      recorded: 'rounded → unrounded',
      offered: undefined,
    });
  });

  it('names a kernel that its backend does not have', () => {
    const plan = withSteps(planOfEight(), (step) =>
      step.kernel === ONE_SHOT ? { ...step, kernel: `${FLASHINFER}/half-shot` } : step,
    );
    onlyOffersFail(plan);
    const report = verify(plan, { tokens: [3], use: BACKENDS });
    expect(describeFailures(report)[0]).toMatch(
      /^class c0 .*, tokens 1–\d+: offers comparison of @arfuse\/flashinfer\/half-shot: the given backend has no such kernel\.$/,
    );
  });

  it('names a mode in which the target does not launch these tokens', () => {
    const plan = forged(planOfEight(), (segment) => ({
      ...segment,
      mode: segment.mode === 'graph' ? 'eager' : 'graph',
    }));
    const failed = onlyOffersFail(plan);
    expect(failed[0]!.differences).toMatchObject([
      { field: 'mode', recorded: 'eager', offered: 'graph' },
    ]);
  });
});

describe('plain all-reduces', () => {
  const graph = program(`${INPUTS}${reduce('x', 'a')}
  -> a`);
  const changed = (plan: Plan, change: (segment: PlanSegment) => PlanSegment): Plan =>
    sealPlan({
      ...plan,
      plain: plan.plain!.map((plain) => ({ ...plain, segments: plain.segments.map(change) })),
    });

  it('are compared as well', () => {
    for (const world of [2, 4, 8]) {
      const plan = planFor(graph, world);
      const { offers } = verify(plan, { use: BACKENDS });
      expect(offers.map((of) => [of.class, of.tokens])).toEqual(
        plan.plain![0]!.segments.map(({ tokens }) => ['p0', tokens]),
      );
      expect(differencesOf(offers)).toEqual([]);
    }
  });

  it('name what was changed', () => {
    const plan = changed(planFor(graph, 8), (segment) => ({
      ...segment,
      steps: segment.steps.map((step) => ({ ...step, params: { blocks: 8 } })),
      numerics: { ...segment.numerics, reduceOrder: 'tree' },
    }));
    const [kernel] = plan.plain![0]!.segments[0]!.steps.map((step) => step.kernel);
    expect(verify(plan, { use: BACKENDS }).offers[0]).toMatchObject({
      passed: false,
      differences: [
        { kernel, field: 'params.blocks', recorded: 8, offered: undefined },
        { kernel, field: 'numerics.reduceOrder', recorded: 'tree' },
      ],
    });
  });

  it('name steps that cover something else, and groups that do not exist', () => {
    const plan = changed(planFor(graph, 8), (segment) => ({
      ...segment,
      steps: segment.steps.map((step) => ({ ...step, covers: ['all_reduce', 'norm'] })),
    }));
    expect(verify(plan, { use: BACKENDS }).offers[0]!.differences).toMatchObject([
      { field: 'covers', recorded: ['all_reduce', 'norm'], offered: ['all_reduce'] },
    ]);
    const elsewhere = sealPlan({
      ...planFor(graph, 8),
      plain: planFor(graph, 8).plain!.map((plain) => ({ ...plain, group: 3 })),
    });
    expect(() => verify(elsewhere, { use: BACKENDS })).toThrow(PlanError);
  });
});

describe('the given backends', () => {
  it('leave out a kernel: it is reported as not compared', () => {
    const plan = planOfEight();
    const report = verify(plan, { tokens: [3], use: [symmMem()] });
    expect(report.passed).toBe(true);
    const fused = plan.decisions[0]!.segments.filter(
      ({ steps }) => steps[0]!.kernel === ONE_SHOT,
    ).length;
    expect(fused).toBeGreaterThan(0);
    const missing = report.offers.filter(({ notCompared }) => notCompared.length > 0);
    expect(missing.map(({ notCompared }) => notCompared)).toEqual(
      Array.from({ length: fused }, () => [ONE_SHOT]),
    );
    expect(report.notes.at(-1)).toBe(
      `Not compared with what their kernels offer: ${fused} of ${report.offers.length} segments, for the backend of ` +
        `${ONE_SHOT} is not given.`,
    );
  });

  it('leave out one kernel of a composition: the other must still admit it', () => {
    const plan = withSteps(planOfEight(), (step) =>
      step.kernel === NCCL ? { ...step, kernel: '@acme/fast/all-reduce' } : step,
    );
    const { offers } = verify(plan, { tokens: [3], use: BACKENDS });
    const composed = offers.filter(({ steps }) => steps.includes(NORM));
    expect(composed.length).toBeGreaterThan(0);
    for (const of of composed)
      expect(of).toMatchObject({
        passed: true,
        notCompared: ['@acme/fast/all-reduce'],
        differences: [],
      });
  });

  it('are configured otherwise than those of the plan', () => {
    const plan = planOfEight();
    const fieldsWith = (backend: Backend): string[] => {
      const { offers } = verify(plan, { tokens: [3], use: [backend] });
      return [...new Set(differencesOf(offers).map(({ field }) => field))];
    };
    expect(fieldsWith(createFlashInfer({ pdl: true }))).toEqual(['params.pdl']);
    expect(fieldsWith(createFlashInfer({ maxWorkspaceBytes: 1 }))).toEqual(['admission']);
    expect(fieldsWith(createFlashInfer({ pdl: false }))).toEqual([]);
  });

  it('have another version than those of the plan', () => {
    const use = BACKENDS.map((backend) => ({ ...backend, version: '99.0.0' }));
    const plan = planOfEight();
    const report = verify(plan, { tokens: [3], use });
    expect(report.passed).toBe(true);
    expect(report.notes).toContain(
      `The plan was made with ${FLASHINFER} ${flashinfer().version}, its offers are compared with those of 99.0.0.`,
    );
  });

  it('replace the built-in ones of the same name', () => {
    const kernels = nccl().kernels.map(
      (kernel): Kernel => ({
        ...kernel,
        offer: (request) => ({ ...kernel.offer(request), params: { channels: 4 } }),
      }),
    );
    const own = { ...nccl(), kernels };
    const graph = graphOf('AR+add+RMS');
    const plan = planGraph(graph, { target: 'h200-sxm,world=8', use: [own] });
    expect(verify(plan, { tokens: [3], use: [own] }).passed).toBe(true);
    expect(differencesOf(verify(plan, { tokens: [3], use: [] }).offers)[0]).toEqual({
      kernel: NCCL,
      field: 'params.channels',
      recorded: 4,
      offered: undefined,
    });
  });

  it('are checked', () => {
    const plan = planOfEight();
    expect(() => verify(plan, { use: [flashinfer(), flashinfer()] })).toThrow(/is given twice/);
    expect(() => verify(plan, { use: [{ ...flashinfer(), kernels: [] }] })).toThrow(BackendError);
    const silent: Backend = {
      ...flashinfer(),
      kernels: flashinfer().kernels.map((kernel) => ({ ...kernel, offer: () => null as never })),
    };
    expect(() => verify(plan, { tokens: [3], use: [silent] })).toThrow(
      /answered offer\(\) with null/,
    );
  });
});

function flashinferParam(name: string): unknown {
  const [segment] = planOfEight().decisions[0]!.segments;
  expect(segment!.steps[0]!.kernel).toBe(ONE_SHOT);
  return segment!.steps[0]!.params[name];
}

/** Our norm with a tile as large as the largest launch that it is asked for. */
const tiled: Backend = {
  specificationVersion: 1,
  name: '@acme/tiled',
  version: '1.0.0',
  kernels: native().kernels.map((kernel) => ({
    ...kernel,
    id: kernel.id.replace('@arfuse/native', '@acme/tiled'),
    offer: (request) => {
      const { params, numerics } = kernel.offer(request);
      return { params: { ...params, tile: request.rows.max }, numerics };
    },
  })),
};
