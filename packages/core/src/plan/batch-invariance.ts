import { canonicalJson, type Plan, PolicyError } from '@arfuse/contract';

/**
 * Why a row's result depends on the number of rows in its batch, or undefined: a kernel whose geometry follows the row
 * count, or segments of one class that compute differently.
 */
export function batchVariance(plan: Pick<Plan, 'decisions' | 'plain'>): string | undefined {
  const entries = [
    ...plan.decisions.map(({ class: id, segments }) => ({ id, segments })),
    ...(plan.plain ?? []).map(({ id, segments }) => ({ id, segments })),
  ];
  for (const { id, segments } of entries) {
    const [first] = segments;
    for (const segment of segments) {
      const kernels = segment.steps.map((step) => step.kernel).join(' + ');
      const range = segment.tokens.join('–');
      if (!segment.numerics.geometryInvariant)
        return `${id}, tokens ${range}: the geometry of ${kernels} follows the row count.`;
      if (canonicalJson(segment.numerics) !== canonicalJson(first!.numerics)) {
        return `${id}, tokens ${range}: ${kernels} computes differently from the kernels of tokens ${first!.tokens.join('–')}.`;
      }
    }
  }
  return undefined;
}

/** @throws PolicyError when the plan is not batch invariant */
export function requireBatchInvariance(plan: Pick<Plan, 'decisions' | 'plain'>): void {
  const variance = batchVariance(plan);
  if (variance === undefined) return;
  throw new PolicyError({
    message: `the policy demands a batch-invariant plan. ${variance}`,
    hint: 'Prefer one kernel for all token counts inside batchInvariant(), or install @arfuse/symm-mem.',
  });
}
