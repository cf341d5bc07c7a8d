import type { Backend } from '@arfuse/contract';
import { flashinfer } from '@arfuse/flashinfer';
import { symmMem } from '@arfuse/symm-mem';
import type { ArfuseConfig } from './config.ts';

/** Backends that the command line brings along. NCCL and the separate norm are part of core. */
export function bundledBackends(): Backend[] {
  return [flashinfer(), symmMem()];
}

/** The bundled backends and those of the configuration: what plans are made with, and verified against. */
export function configuredBackends({ use = [] }: ArfuseConfig): Backend[] {
  return [...bundledBackends(), ...use];
}
