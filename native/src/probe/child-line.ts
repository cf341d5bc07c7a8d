import type { AddonProbe, CudaProbe, NcclProbe, ProbePhase } from '@arfuse/contract';

/** File descriptor on which the child tells: libraries write to the usual ones. */
export const PROBE_FD = 3;

/** What the child says, a line of JSON each: what it begins, and what it found. */
export type ChildLine =
  | { readonly begins: ProbePhase }
  | { readonly addon: AddonProbe }
  | { readonly cuda: CudaProbe }
  | { readonly nccl: NcclProbe }
  | { readonly done: true };
