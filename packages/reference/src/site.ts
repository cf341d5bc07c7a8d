import type { SiteOutput } from '@arfuse/contract';
import type { RefTensor } from './tensor/ref-tensor.ts';

/**
 * What enters a site on simulated ranks. Activations are `[rows, hidden]` in the site's dtype, weights and biases
 * `[hidden]`, the static scale one float32.
 */
export interface SiteInputs {
  /** Un-reduced partial sums: `[rank][partial]`, two partials for a merged site. */
  readonly partials: readonly (readonly RefTensor[])[];
  readonly residual?: RefTensor;
  readonly weight?: RefTensor;
  readonly bias?: RefTensor;
  readonly preNormWeight?: RefTensor;
  readonly scale?: RefTensor;
}

/** Results of a site on one rank. Scales are logical, `[rows, groups]`. */
export type SiteResults = Readonly<Partial<Record<SiteOutput, RefTensor>>>;
