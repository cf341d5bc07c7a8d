import {
  type CodesSpec,
  checkProducers,
  formatProducerReport,
  lateProducer,
  type MakeProducer,
  makeCodes,
  type ProducerOptions,
  STREAMS,
} from '@arfuse/conformance';
import { native } from '@arfuse/core';
import { createFlashInfer, flashinfer } from '@arfuse/flashinfer';
import { nccl } from '@arfuse/nccl';
import { type Intercept, referenceDevices, referenceLaunch } from '@arfuse/reference';
import { symmMem } from '@arfuse/symm-mem';
import { describe, expect, it } from 'vitest';
import { chain, memoryAt } from './support.ts';

const check = (options: Partial<ProducerOptions> = {}, intercept: Intercept = () => 'run') =>
  checkProducers({
    backends: [flashinfer(), symmMem(), nccl(), native()],
    kernels: ['@arfuse/flashinfer/one-shot'],
    devices: (size) => referenceDevices(size, { intercept }),
    chains: chain('add + norm'),
    sizes: [2],
    hidden: [64],
    tokens: [3],
    dtypes: ['bf16'],
    repetitions: 4,
    seed: 7,
    ...options,
  });

/** Writes of tensors that have not landed yet. */
class Late {
  #pending: (() => void)[] = [];

  /** A producer that lets what follows start before some of its tensors are written. */
  producer(isLate: (spec: CodesSpec, run: number) => boolean): MakeProducer {
    let runs = 0;
    return (_device, tensors) =>
      referenceLaunch(1, () => {
        const run = runs;
        runs += 1;
        for (const { place, spec } of tensors) {
          const codes = new Uint8Array(makeCodes(spec).buffer);
          const write = (): void => memoryAt(place).set(codes);
          if (isLate(spec, run)) this.#pending.push(write);
          else write();
        }
      });
  }

  /** What is pending lands when a kernel has read its inputs: as it does for one that does not wait. */
  intercept: Intercept = () => () => {
    for (const write of this.#pending.splice(0)) write();
  };
}

describe('checkProducers', () => {
  it('passes kernels that wait, with PDL off and on, eagerly and as graphs', async () => {
    const kernels = ['one-shot', 'two-shot'].map((shot) => `@arfuse/flashinfer/${shot}`);
    for (const pdl of [false, true]) {
      const report = await check({
        backends: [createFlashInfer({ pdl }), symmMem(), nccl(), native()],
        kernels: [...kernels, '@arfuse/symm-mem/one-shot', '@arfuse/nccl/all-reduce'],
        chains: [...chain('add + norm'), ...chain('sandwich'), ...chain('fp8_static with norm')],
      });
      expect(report.passed, formatProducerReport(report)).toBe(true);
      expect(report.complete).toBe(true);
      expect(report.kernels).toEqual(
        [...kernels, '@arfuse/symm-mem/one-shot', '@arfuse/nccl/all-reduce'].map((kernel) => ({
          kernel,
          pdl: kernels.includes(kernel) ? pdl : null,
          cases: 3,
          eager: 12,
          graph: 12,
          faulty: 0,
          faults: [],
        })),
      );
    }
  });

  it.each([
    ['a residual', STREAMS.residual],
    ['a partial of one rank', STREAMS.partial(1, 0)],
    ['a weight', STREAMS.weight],
  ])('fails when %s is read before its producer wrote it', async (_what, stream) => {
    const late = new Late();
    const report = await check(
      { producer: late.producer((spec) => spec.stream === stream) },
      late.intercept,
    );
    expect(report.passed).toBe(false);
    const [count] = report.kernels;
    expect(count).toMatchObject({ eager: 4, graph: 4, faulty: 8 });
    expect(count!.faults[0]).toMatch(
      /^bf16 N=2 hidden=64, add \+ norm, 3 tokens, repetition 1, eager, seed \d+: (right|ranks): /,
    );
    expect(formatProducerReport(report)).toMatch(
      /^FAIL @arfuse\/flashinfer\/one-shot, PDL off: 1 cases, 4 eager and 4 graph repetitions, 8 of them wrong/,
    );
  });

  it('fails when one repetition of a graph is stale at one rank', async () => {
    const late = new Late();
    // 2 ranks run 2 producers in each of 8 repetitions; the last is the second rank's of the last one.
    const report = await check(
      { producer: late.producer((spec, run) => run === 31 && spec.stream === STREAMS.residual) },
      late.intercept,
    );
    expect(report.kernels[0]).toMatchObject({ faulty: 1 });
    expect(report.kernels[0]!.faults[0]).toMatch(
      /repetition 4, graph, .*: (right: "residual" is|ranks: "residual" differs)/,
    );
  });

  it('goes on where it was ended, and has no result without a case', async () => {
    const shapes: string[] = [];
    const options = { hidden: [64, 128], onShape: (name: string) => shapes.push(name) };
    const first = await check({ ...options, ended: () => shapes.length > 1 });
    expect(first).toMatchObject({ passed: true, complete: false, next: 'bf16 N=2 hidden=128' });
    const second = await check({ ...options, from: first.next! });
    expect(second).toMatchObject({ passed: true, complete: true });
    expect(shapes).toEqual(['bf16 N=2 hidden=64', 'bf16 N=2 hidden=128', 'bf16 N=2 hidden=128']);
    const none = await check({ kernels: ['@acme/fast/none'] });
    expect(none).toMatchObject({ passed: false, kernels: [] });
  });

  it('names a rank that never comes', async () => {
    const report = await check({ executor: { deadlineMs: 100 } }, ({ rank, run }) =>
      rank === 1 && run === 0 ? 'wait' : 'run',
    );
    expect(report.passed).toBe(false);
    expect(report.kernels[0]!.faults[0]).toMatch(/was not complete after 0\.1 s/);
  });

  it('writes on reference devices what a producer of the addon would', () => {
    const device = referenceDevices(1)[0]!;
    const memory = device.allocate(256);
    const spec = {
      dtype: 'bf16',
      kind: 'usual',
      seed: 1,
      stream: 0,
      hidden: 64,
      row: 0,
      rows: 2,
    } as const;
    const stream = device.createStream();
    const launch = lateProducer(0)(device, [{ place: { rank: 0, memory, offset: 0 }, spec }]);
    stream.enqueue(launch, 1);
    return stream.sync().then(() => {
      const { buffer } = makeCodes(spec);
      expect(memoryAt({ memory, offset: 0 }).slice(0, 256)).toEqual(new Uint8Array(buffer));
    });
  });
});
