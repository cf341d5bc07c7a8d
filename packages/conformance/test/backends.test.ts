import { checkConformance, formatReport } from '@arfuse/conformance';
import type { Backend } from '@arfuse/contract';
import { native } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { nccl } from '@arfuse/nccl';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';

describe.each<[string, Backend]>([
  ['flashinfer', flashinfer()],
  ['symmMem', symmMem()],
  ['nccl', nccl()],
  ['native', native()],
])('%s()', (_, backend) => {
  const report = checkConformance(backend);

  it('keeps every rule', () => {
    expect(report.passed, formatReport(report)).toBe(true);
  });

  it.each(backend.kernels.map((kernel) => kernel.id))('tries every rule on %s', (id) => {
    const untried = report.checks.filter((check) => check.subject === id && check.cases === 0);
    expect(untried).toEqual([]);
    expect(report.checks.some((check) => check.subject === id)).toBe(true);
  });
});
