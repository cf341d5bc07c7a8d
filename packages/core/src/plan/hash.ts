import { createHash } from 'node:crypto';
import { canonicalJson, type Plan, type PlanSegment } from '@arfuse/contract';

/** Segments as far as they decide anything: neighbours that run the same steps are one. */
function decided(segments: readonly PlanSegment[]): unknown[] {
  const merged: {
    tokens: [number, number];
    mode: string;
    steps: PlanSegment['steps'];
    key: string;
  }[] = [];
  for (const { tokens, mode, steps } of segments) {
    const key = canonicalJson([mode, steps]);
    const previous = merged.at(-1);
    if (previous?.key === key) previous.tokens[1] = tokens[1];
    else merged.push({ tokens: [tokens[0], tokens[1]], mode, steps, key });
  }
  return merged.map(({ tokens, mode, steps }) => ({ tokens, mode, steps }));
}

/**
 * SHA-256, in hex, over what a plan decides: schema version, target, sizes of the groups, site classes, the class of
 * every site in program order, and steps with their parameters per token range, for sites and for plain all-reduces.
 * Times, evidence, reasons, names and provenance are left out.
 */
export function planHash(plan: Omit<Plan, 'hash'>): string {
  const content = {
    specificationVersion: plan.specificationVersion,
    target: plan.target,
    groups: plan.groups.map(({ size, nodes }) => ({ size, nodes })),
    classes: plan.classes,
    sites: plan.sites.map((site) => site.class),
    decisions: plan.decisions.map((decision) => ({
      class: decision.class,
      segments: decided(decision.segments),
    })),
    plain: (plan.plain ?? []).map(({ group, hidden, dtype, allReduces, segments }) => ({
      group,
      hidden,
      dtype,
      count: allReduces.length,
      segments: decided(segments),
    })),
  };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/** The plan with the hash of its content, e.g. after an edit. */
export function sealPlan(plan: Omit<Plan, 'hash'>): Plan {
  return { ...plan, hash: planHash(plan) };
}
