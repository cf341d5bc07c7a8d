import { canonicalJson, type Plan, type PlanSegment, placeSteps } from '@arfuse/contract';
import { executeSteps } from '@arfuse/reference';
import { compareFunction } from './compare-function.ts';
import { compareKernels } from './compare-kernels.ts';
import { compareProgram, compareRecord } from './compare-program.ts';
import { EvaluatedClass } from './evaluated-class.ts';
import type { ClassVerification, OutputComparison } from './report.ts';

/** The steps of a segment: against an oracle of the same record, and against the program with its dtypes. */
function compareSteps(evaluated: EvaluatedClass, segment: PlanSegment): OutputComparison[] {
  const { site, ranks, prepared } = evaluated;
  const steps = placeSteps(site, segment.steps).map(({ stages }) => ({
    stages,
    numerics: segment.numerics,
  }));
  const found = prepared.map(({ inputs }) => executeSteps(site, steps, inputs.site, ranks));
  return [
    ...compareKernels(evaluated, segment, found),
    ...compareProgram(evaluated, segment, found),
  ];
}

/** Proves every class, and every distinct composition of steps, of a plan. */
export function verifyClasses(
  plan: Plan,
  tokens: readonly number[],
  seed: number,
): ClassVerification[] {
  const reports: ClassVerification[] = [];
  for (const decision of plan.decisions) {
    const site = plan.classes.find((candidate) => candidate.id === decision.class);
    if (!site || decision.sites.length === 0) continue;
    const evaluated = new EvaluatedClass(plan, site, tokens, seed);
    const functions = [...compareFunction(evaluated), ...compareRecord(evaluated)];
    const named = new Set<string>();
    // Kernels that cover the same stages with the same numerics are simulated alike.
    const known = new Map<string, OutputComparison[]>();
    for (const segment of decision.segments) {
      const { steps, numerics, deviations } = segment;
      const key = canonicalJson([steps.map(({ covers }) => covers), numerics, deviations]);
      const name = canonicalJson([steps.map(({ kernel }) => kernel), key]);
      if (named.has(name)) continue;
      named.add(name);
      const compared = known.get(key) ?? compareSteps(evaluated, segment);
      known.set(key, compared);
      const comparisons = [...functions, ...compared];
      reports.push({
        class: site.id,
        sites: decision.sites.length,
        steps: steps.map(({ kernel }) => kernel),
        deviations,
        passed: comparisons.every((comparison) => comparison.passed),
        comparisons,
      });
    }
  }
  return reports;
}
