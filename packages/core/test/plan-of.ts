import type { Backend, Plan, Policy, Target } from '@arfuse/contract';
import { flashinfer } from '@arfuse/flashinfer';
import { nccl } from '@arfuse/nccl';
import { symmMem } from '@arfuse/symm-mem';
import type { EvidenceSource } from '../src/evidence/index.ts';
import { native } from '../src/norm/backend.ts';
import { planMatching } from '../src/plan/plan.ts';
import { defaultPolicy } from '../src/policy/index.ts';
import { H200_2, type SampleSite, sample, sourceOf } from './sample.ts';

export interface Given {
  readonly target?: Target;
  readonly use?: readonly Backend[];
  readonly source?: EvidenceSource;
  readonly policy?: Policy;
  readonly plain?: readonly { hidden: number; group?: string }[];
}

/** A plan of hand-made sites, with made-up times. */
export function planOf(sites: readonly SampleSite[], given: Given = {}): Plan {
  const { graph, matching } = sample(sites, given.plain);
  return planMatching(graph, matching, {
    target: given.target ?? H200_2,
    backends: [...(given.use ?? [flashinfer(), symmMem()]), nccl(), native()].sort((a, b) =>
      a.name < b.name ? -1 : 1,
    ),
    source: given.source ?? sourceOf({}),
    policy: given.policy ?? defaultPolicy(),
  });
}

export const ONE_SHOT = '@arfuse/flashinfer/one-shot';
export const TWO_SHOT = '@arfuse/flashinfer/two-shot';
export const RING = '@arfuse/nccl/all-reduce + @arfuse/native/norm';
export const WINDOWS = '@arfuse/nccl/all-reduce-symmetric + @arfuse/native/norm';

export const kernels = (plan: Plan, index = 0): [tokens: readonly number[], kernels: string][] =>
  plan.decisions[index]!.segments.map(({ tokens, steps }) => [
    tokens,
    steps.map((step) => step.kernel).join(' + '),
  ]);
