import { checkRecovery, checkSoak, type SoakShape } from '@arfuse/conformance';
import { native } from '@arfuse/core';
import { flashinfer } from '@arfuse/flashinfer';
import { type Intercept, referenceDevices } from '@arfuse/reference';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import { chain, memoryAt } from './support.ts';

const BACKENDS = [flashinfer(), symmMem(), native()];

const recovery = (kernel: string, size: number, intercept: Intercept = () => 'run') =>
  checkRecovery({
    backends: BACKENDS,
    kernel,
    devices: referenceDevices(size, { intercept }),
    hidden: 64,
    tokens: 5,
    rounds: 2,
    after: 6,
    deadlineMs: 500,
  });

describe('checkRecovery', () => {
  it.each([
    ['@arfuse/flashinfer/one-shot', 2],
    ['@arfuse/flashinfer/two-shot', 4],
    ['@arfuse/symm-mem/one-shot', 4],
    ['@arfuse/symm-mem/two-shot', 2],
  ])('sees %s of %i ranks recover, alone and inside a captured step', async (kernel, size) => {
    const report = await recovery(kernel, size);
    expect(report.faults).toEqual([]);
    expect(report).toMatchObject({ passed: true, rounds: 2, asked: 2, operations: 2 * 6 });
    expect(report.msAfterDeadline!.max).toBeLessThan(5000);
  });

  it('sees an operation after a recovery that is wrong', async () => {
    let recovered = false;
    const report = await recovery('@arfuse/symm-mem/one-shot', 2, ({ step, run }) => {
      recovered ||= run > 4;
      return () => {
        const place = step.results.all_reduce ?? step.carry;
        if (recovered && place) memoryAt(place)[0]! ^= 64;
      };
    });
    expect(report.passed).toBe(false);
    expect(report.faults[0]).toMatch(/^round \d: operation \d after it: (right|ranks|written): /);
  });

  it('says why a kernel was not run', async () => {
    const report = await recovery('@arfuse/symm-mem/multimem', 2);
    expect(report.passed).toBe(false);
    expect(report.refused!.join(' ')).toMatch(/multicast/);
  });
});

describe('checkSoak', () => {
  const shapes = (intercept: Intercept = () => 'run'): SoakShape[] =>
    (['bf16', 'f32'] as const).map((dtype) => ({
      name: dtype,
      backends: BACKENDS,
      kernels: ['@arfuse/flashinfer/one-shot', '@arfuse/symm-mem/two-shot'],
      devices: referenceDevices(2, { intercept }),
      dtype,
      hidden: 64,
      tokens: [1, 3, 5],
    }));
  const chains = [...chain('add + norm'), ...chain('sandwich'), ...chain('fp8_token')];

  it('runs operations of every kind on executors that stay open', async () => {
    const announced: unknown[] = [];
    const report = await checkSoak({
      shapes: shapes(),
      operations: 40,
      chains,
      seed: 5,
      ahead: (asked) => announced.push(asked),
      deviceBytes: () => 1000,
    });
    expect(report.faults).toEqual([]);
    expect(report).toMatchObject({ passed: true, operations: 40, asked: 40 });
    expect(report.graphReplays).toBeGreaterThan(4);
    expect(report.graphReplays).toBeLessThan(36);
    expect(report.memory).toHaveLength(10);
    expect(report.memory[9]).toMatchObject({ operations: 40, deviceBytes: 1000 });
    expect(announced.length).toBeGreaterThan(40);
  });

  it('ends early with the operations that are wrong, and when it is told to', async () => {
    const wrong = await checkSoak({
      shapes: shapes(({ step, rows }) => () => {
        const { norm } = step.results;
        if (rows === 3 && norm) memoryAt(norm)[5]! ^= 64;
      }),
      operations: 200,
      chains,
      seed: 5,
    });
    expect(wrong.passed).toBe(false);
    expect(wrong.operations).toBeLessThan(200);
    expect(wrong.faults[0]).toMatch(/3 tokens, seed \d+: right: "norm" is \d+ ULP off/);

    const none = await checkSoak({ shapes: shapes(), operations: 10, chains, ended: () => true });
    expect(none).toMatchObject({ passed: false, operations: 0 });
  });
});
