import type { Backend, Plan } from '@arfuse/contract';
import type { Graph } from '@arfuse/graph';
import { findSites } from '@arfuse/patterns';
import { pairSites } from '../rewrite/pair-sites.ts';
import { carriedResidualNote } from './carried-residual.ts';
import { compareOffers, otherVersions } from './compare-offers.ts';
import { GivenKernels } from './given-kernels.ts';
import { checkOptions, type VerifyOptions } from './options.ts';
import type { OfferVerification, VerifyReport } from './report.ts';
import { verifyChains } from './verify-chains.ts';
import { verifyClasses } from './verify-class.ts';

export { describeFailures } from './describe.ts';
export type { VerifyOptions } from './options.ts';
export { verifyRewrite } from './verify-chains.ts';

/** What a plan is verified against. */
export interface VerifyPlanOptions extends VerifyOptions {
  /** The captured graph, to prove the wiring between sites too. */
  readonly graph?: Graph;
  /**
   * The backends that the plan was made with, configured alike; NCCL and arfuse's own norm are always among them. The
   * recorded steps are compared with what these kernels offer. Left out, nothing is compared with kernels.
   */
  readonly use?: readonly Backend[];
}

/**
 * Proves a plan numerically on simulated ranks.
 *
 * Per site class and distinct composition of steps: the raw nodes of the captured graph against the class (the same
 * real-valued function to 1e-10), the steps against an oracle with their numerics record (residual 0 ULP, norm ≤ 1 ULP,
 * quantised bytes and scales exact given the norm), and the steps against the raw nodes with their dtypes (within the
 * bound of each deviation). With the graph also every pair of consecutive sites of the rewritten graph: each reader reads
 * the value that it read before. With backends also every step of every segment: its kernel exists, admits the segment's
 * launches, and offers exactly the recorded parameters and numerics.
 *
 * @throws PlanError when the plan does not belong to the graph; UnsupportedError for a raw op that cannot be evaluated;
 *   BackendError and SpecificationVersionError for what is handed in
 */
export function verify(plan: Plan, options: VerifyPlanOptions = {}): VerifyReport {
  const { tokens, seed } = checkOptions(options);
  const { tokens: _, seed: __, graph, use, ...finding } = options;
  const kernels = use && new GivenKernels(use);
  const classes = verifyClasses(plan, tokens, seed);
  const paired = graph && pairSites(graph, plan, findSites(graph, finding));
  const chains = graph && paired ? verifyChains(graph, plan, paired, finding, seed) : [];
  const offers = kernels ? compareOffers(plan, kernels) : [];
  const notes: string[] = [];
  if (!graph)
    notes.push(
      'Verified without the graph: classes are proven, the wiring between sites is not. Give the graph to prove both.',
    );
  if (plan.sites.length === 0) notes.push('The plan has no sites: there is nothing to prove.');
  notes.push(...carriedResidualNote(plan, paired));
  if (kernels) notes.push(...otherVersions(plan, kernels), ...notComparedNote(offers));
  else
    notes.push(
      'Verified without backends: the steps are proven as the plan records them, not compared with what their kernels ' +
        'offer. Give the backends in `use` to compare both.',
    );
  return {
    passed: [...classes, ...chains, ...offers].every((of) => of.passed),
    seed,
    tokens,
    classes,
    chains,
    offers,
    notes,
  };
}

function notComparedNote(offers: readonly OfferVerification[]): string[] {
  const kernels = [...new Set(offers.flatMap(({ notCompared }) => notCompared))];
  if (kernels.length === 0) return [];
  const segments = offers.filter(({ notCompared }) => notCompared.length > 0).length;
  return [
    `Not compared with what their kernels offer: ${segments} of ${offers.length} segments, for the backend of ` +
      `${kernels.join(', ')} is not given.`,
  ];
}
