import type { Margin, Policy } from '@arfuse/contract';
import { firstOf } from './combinators.ts';
import { costModel, measured, published, transferred } from './evidence-policies.ts';
import { staticOrder } from './rules.ts';

/** A switch must gain more than 5 %, and more than twice the recorded spread. */
export const DEFAULT_MARGIN: Margin = { percent: 5, spreads: 2 };

/**
 * The evidence ladder: measured, transferred from another hidden size, published limits, the cost model, then times of
 * unfused candidates alone, then the simplest candidate.
 */
export function defaultPolicy(): Policy {
  return {
    ...firstOf(
      measured(),
      transferred(),
      published(),
      costModel(),
      costModel({ unfusedOnly: true }),
      staticOrder(),
    ),
    name: 'default',
  };
}
