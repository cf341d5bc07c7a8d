import type { Backend } from '@arfuse/contract';
import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';

/** Backends that the command line brings along. NCCL and the separate norm are part of core. */
export function bundledBackends(): Backend[] {
  return [flashinfer(), symmMem()];
}
