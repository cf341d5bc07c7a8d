import {
  CONFORMANCE_CHAINS,
  checkExecution,
  type ExecutionOptions,
  type ExecutionReport,
} from '@arfuse/conformance';
import type { BoundStep, DevicePlace, SiteOutput } from '@arfuse/contract';
import { native } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { nccl } from '@arfuse/nccl';
import { type Intercept, referenceDevices } from '@arfuse/reference';
import { symmMem } from '@arfuse/symm-mem';

/** The chain of that name. */
export const chain = (name: string) => CONFORMANCE_CHAINS.filter((one) => one.name === name);

/** Small shapes on reference devices. */
export function check(
  options: Partial<ExecutionOptions>,
  intercept: Intercept = () => 'run',
): Promise<ExecutionReport> {
  return checkExecution({
    backends: [flashinfer(), symmMem(), nccl(), native()],
    kernels: ['@arfuse/flashinfer/one-shot'],
    devices: (size) => referenceDevices(size, { intercept }),
    sizes: [2],
    hidden: [64],
    tokens: [5],
    dtypes: ['bf16'],
    repeats: 1,
    seed: 7,
    ...options,
  });
}

/** Rules that a report says are broken. */
export const broken = (report: ExecutionReport): string[] =>
  report.checks.filter(({ broken: count }) => count > 0).map(({ rule }) => rule);

/** Bytes of simulated device memory from a place on. */
export function memoryAt({ memory, offset }: DevicePlace): Uint8Array {
  return (memory as unknown as { data: Uint8Array }).data.subarray(offset);
}

/** Bytes of a result of a run. */
export function resultAt(step: BoundStep, output: SiteOutput): Uint8Array {
  return memoryAt(step.results[output]!);
}
