import {
  CONFORMANCE_CHAINS,
  checkExecution,
  formatExecutionReport,
  referenceExpect,
} from '@arfuse/conformance';
import { UsageError } from '@arfuse/contract';
import { native } from '@arfuse/core';
import { referenceDevices } from '@arfuse/reference';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import { broken, chain, check } from './support.ts';

const COLLECTIVES = [
  '@arfuse/flashinfer/one-shot',
  '@arfuse/flashinfer/two-shot',
  '@arfuse/symm-mem/one-shot',
  '@arfuse/nccl/all-reduce',
];

describe('checkExecution', () => {
  it('passes every chain through every kernel, and counts what is refused', async () => {
    const report = await check({
      kernels: [...COLLECTIVES, '@arfuse/native/norm'],
      tokens: [1, 5],
    });
    expect(broken(report), formatExecutionReport(report)).toEqual([]);
    expect(report.passed).toBe(true);
    // 16 chains, usual and special rows; NCCL's sum has no order and is tried with exact ones.
    expect(report.cases).toBeGreaterThan(200);
    expect(report.checks.every(({ cases }) => cases > 0)).toBe(true);
    expect(report.refused).toContainEqual({
      kernel: '@arfuse/flashinfer/two-shot',
      reason: 'needs more tokens than ranks; n token is asked of a group of n.',
      count: CONFORMANCE_CHAINS.length,
    });
    const json = JSON.parse(JSON.stringify(report));
    expect(json).toEqual(report);
  });

  it.each(['f16', 'f32'] as const)('passes in %s with more ranks', async (dtype) => {
    const chains = [...chain('norm'), ...chain('sandwich'), ...chain('fp8_token with norm')];
    const report = await check({
      kernels: ['@arfuse/flashinfer/two-shot', '@arfuse/symm-mem/one-shot'],
      dtypes: [dtype],
      sizes: [4],
      chains,
    });
    expect(broken(report), formatExecutionReport(report)).toEqual([]);
    expect(report.cases).toBeGreaterThan(4);
  });

  it('computes what follows a first norm from the one that was found', async () => {
    let given = 0;
    // The first norm one step off: what follows is right for it, and wrong for the one that was expected.
    const report = await check({
      chains: chain('sandwich'),
      expect: (asked, preNorm) => {
        if (preNorm) given += 1;
        return referenceExpect(asked, preNorm);
      },
    });
    expect(broken(report), formatExecutionReport(report)).toEqual([]);
    expect(given).toBe(2);
  });

  it('allows nothing to kernels that claim the reference’s own order', async () => {
    const report = await check({ chains: chain('add + norm'), exact: () => true });
    expect(report.distances.map(({ allowedUlps }) => allowedUlps)).toEqual([0, 0]);
  });

  it('breaks its first rule for a kernel that does not open, and for one that nobody has', async () => {
    const devices = (size: number) =>
      referenceDevices(size).map((device) => ({
        ...device,
        open: () => Promise.reject(new Error('no library')),
      }));
    const report = await check({ devices, chains: chain('norm') });
    expect(broken(report)).toEqual(['runs']);
    expect(report.checks[0]!.faults).toEqual(['bf16 N=2 hidden=64: no library.']);

    const none = await check({ kernels: ['@acme/fast/none'], chains: chain('norm') });
    expect(none.cases).toBe(0);
    expect(none.passed).toBe(false);
    expect(none.refused[0]!.reason).toMatch(/there is no kernel @acme\/fast\/none/);
  });

  it('goes on where it was ended', async () => {
    const options = {
      backends: [symmMem(), native()],
      kernels: ['@arfuse/symm-mem/one-shot'],
      devices: (size: number) => referenceDevices(size),
      chains: chain('all-reduce'),
      dtypes: ['bf16', 'f32'] as const,
      sizes: [2],
      hidden: [64],
      tokens: [3],
    };
    const shapes: string[] = [];
    const first = await checkExecution({
      ...options,
      onShape: (name) => shapes.push(name),
      ended: () => shapes.length > 0,
    });
    expect(shapes).toEqual(['bf16 N=2 hidden=64']);
    expect(first).toMatchObject({ passed: true, complete: false, next: 'f32 N=2 hidden=64' });
    expect(formatExecutionReport(first)).toMatch(/not complete; go on at "f32 N=2 hidden=64"$/);
    const second = await checkExecution({ ...options, from: first.next! });
    expect(second).toMatchObject({ passed: true, complete: true });
    await expect(checkExecution({ ...options, from: 'f64' })).rejects.toThrow(UsageError);
  });
});
