import { UsageError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { type RunReport, runPlan } from '../../src/index.ts';
import { fixture, graphOf, planFor, TEXTS } from '../verify/graphs.ts';

/** A report without its times. */
const results = ({ classes, ...rest }: RunReport): unknown => ({
  ...rest,
  classes: classes.map(({ ms: _, ...of }) => of),
});

describe('runPlan', () => {
  it.each(Object.keys(TEXTS).filter((name) => name !== 'two groups'))(
    'runs every stage: %s',
    (name) => {
      const plan = planFor(graphOf(name), 4);
      const report = runPlan(plan, { tokens: 5, steps: 2 });
      expect(report).toMatchObject({
        backend: 'reference',
        tokens: 5,
        steps: 2,
        ranks: 4,
        seed: 1,
      });
      for (const { launches, sites, maxUlps, ms } of report.classes) {
        expect(launches).toBe(2 * sites);
        expect(maxUlps.norm).toBeGreaterThan(0);
        expect(maxUlps.norm).toBeLessThan(16);
        expect(ms.min).toBeLessThanOrEqual(ms.median);
        expect(ms.median).toBeLessThanOrEqual(ms.max);
      }
    },
  );

  it('runs the chain of a captured model', async () => {
    const plan = planFor(await fixture('pt2/gemma3-tiny.tp2.pt2'));
    const { classes } = runPlan(plan);
    expect(classes.reduce((sum, { sites }) => sum + sites, 0)).toBe(plan.summary.sites);
  });

  it('gives the same results for the same seed, and others for another', () => {
    const plan = planFor(graphOf('two sites'));
    expect(results(runPlan(plan, { seed: 7 }))).toEqual(results(runPlan(plan, { seed: 7 })));
    expect(results(runPlan(plan, { seed: 7 }))).not.toEqual(results(runPlan(plan, { seed: 8 })));
  });

  it('tells each step', () => {
    const seen: string[] = [];
    runPlan(planFor(graphOf('two sites')), {
      steps: 3,
      tokens: 1,
      onStep: (done, of) => seen.push(`${done}/${of}`),
    });
    expect(seen).toEqual(['1/3', '2/3', '3/3']);
  });

  it.each([
    { tokens: 0 },
    { tokens: 1.5 },
    { tokens: 100_000 },
    { steps: 0 },
    { steps: Number.NaN },
  ])('refuses %j', (options) => {
    expect(() => runPlan(planFor(graphOf('AR+add+RMS')), options)).toThrow(UsageError);
  });
});
