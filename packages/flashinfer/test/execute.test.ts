import {
  type BoundStep,
  type DevicePlace,
  type IoDType,
  itemsize,
  NativeError,
  PlanError,
  type SiteOutput,
  type Stage,
  type StepDemand,
} from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { flashinfer } from '../src/index.ts';
import { FakeMemory, FakeRank, layout } from './fake-device.ts';
import { AR, NORM, PRE_NORM, QUANT, RESIDUAL, request } from './request.ts';

const { kernels, open } = flashinfer();

interface Asked {
  readonly shot?: 'one-shot' | 'two-shot';
  readonly stages?: readonly Stage[];
  readonly outputs?: readonly SiteOutput[];
  readonly rows?: number;
  readonly hidden?: number;
  readonly dtype?: IoDType;
}

/** A demand as a plan has it. */
function demand({
  shot = 'one-shot',
  stages = [AR, RESIDUAL, NORM],
  outputs = ['residual', 'norm'],
  rows = 16,
  hidden = 64,
  dtype = 'bf16',
}: Asked = {}): StepDemand {
  const kernel = kernels.find(({ id }) => id.endsWith(shot))!;
  const asked = request({ stages, outputs, hidden, dtype, rows: { min: 3, max: rows } });
  const { params } = kernel.offer(asked);
  const { numerics } = asked;
  return { kernel: kernel.id, params, stages, outputs, numerics, hidden, dtype, rows: asked.rows };
}

let places = 0;
const place = (): DevicePlace => {
  places += 1;
  return { memory: new FakeMemory(BigInt(places) << 48n, 16), offset: 0 };
};

/** The demand with a place for everything. */
function bound(of: StepDemand): BoundStep {
  return {
    ...of,
    inputs: [place()],
    residual: place(),
    weight: place(),
    preNormWeight: place(),
    scale: place(),
    results: Object.fromEntries(of.outputs.map((name) => [name, place()])),
  };
}

const bytesAt = (memory: FakeMemory, offset: number, count: number): Uint8Array =>
  memory.data.subarray(offset, offset + count);
const words = (bytes: Uint8Array): number[] => [...new Int32Array(bytes.slice().buffer)];

describe('the workspace', () => {
  it.each<[IoDType, readonly number[]]>([
    ['bf16', [0, 0x80]],
    ['f16', [0, 0x80]],
    ['f32', [0, 0, 0, 0x80]],
  ])('of %s is for the largest launch, and as new before the first', async (dtype, empty) => {
    // Lamport buffers of more than one copy from the host.
    const rank = new FakeRank({
      demands: [
        demand({ dtype, rows: 5 }),
        demand({ dtype, rows: 700 }),
        demand({ dtype, rows: 900, shot: 'two-shot' }),
      ],
    });
    await open!(rank.context);
    const [memory] = rank.memories as [FakeMemory];
    const row = 64 * itemsize(dtype);
    const parts = layout({ size: 2, oneShotBytes: 700 * row, twoShotBytes: 900 * row });
    expect(memory.bytes).toBe(parts.bytes);
    expect(words(bytesAt(memory, 0, 20))).toEqual([0, 0, 0, 2 * 700 * row, 0]);
    const table = bytesAt(memory, parts.table, 24);
    expect([...new BigUint64Array(table.slice().buffer)]).toEqual([
      memory.address + (1n << 40n),
      memory.address,
      1n,
    ]);
    expect(new Set(bytesAt(memory, parts.barrier, parts.barrierBytes))).toEqual(new Set([0]));
    const lamport = bytesAt(memory, parts.lamport, 3 * parts.lamportBytes);
    expect(lamport.every((byte, at) => byte === empty[at % empty.length])).toBe(true);
    // Nothing reads comm before it is written.
    expect(bytesAt(memory, parts.comm, parts.commBytes).every((byte) => byte === 0xee)).toBe(true);
  });

  it('is another one for each width of activations', async () => {
    const rank = new FakeRank({
      demands: [demand(), demand({ dtype: 'f16', rows: 32 }), demand({ dtype: 'f32' })],
    });
    await open!(rank.context);
    const of = (oneShotBytes: number) => layout({ size: 2, oneShotBytes, twoShotBytes: 0 }).bytes;
    expect(rank.memories.slice(0, 2).map(({ bytes }) => bytes)).toEqual([
      of(32 * 64 * 2),
      of(16 * 64 * 4),
    ]);
  });

  it('is made as new behind the copies of a release', async () => {
    const rank = new FakeRank({ demands: [demand(), demand({ shot: 'two-shot' })] });
    const kernelsOfRank = await open!(rank.context);
    const [memory] = rank.memories as [FakeMemory];
    const before = memory.data.slice();
    memory.data.fill(0x11);
    rank.stream.log.length = 0;
    await kernelsOfRank.reset();
    const { comm } = layout({ size: 2, oneShotBytes: 2048, twoShotBytes: 2048 });
    expect(bytesAt(memory, 0, 20)).toEqual(before.subarray(0, 20));
    expect(bytesAt(memory, 4096, comm - 4096)).toEqual(before.subarray(4096, comm));
    expect(rank.stream.log[0]).toBe('wait');
    expect(rank.streams[0]!.log).toEqual(['record']);
  });
});

describe('release', () => {
  const stuck = async (...of: readonly StepDemand[]) => {
    const rank = new FakeRank({ demands: [...of, demand({ rows: 64 })] });
    const kernelsOfRank = await open!(rank.context);
    for (const step of of) kernelsOfRank.prepare(bound(step));
    const [memory] = rank.memories as [FakeMemory];
    return { kernelsOfRank, memory, rescue: rank.streams[0]!, main: rank.stream, rank };
  };

  it('fills what a one-shot launch waits in, of all three buffers, and no more', async () => {
    const { kernelsOfRank, memory, main } = await stuck(demand({ rows: 16 }));
    main.log.length = 0;
    kernelsOfRank.release();
    const { lamport, lamportBytes, barrier, barrierBytes } = layout({
      size: 2,
      oneShotBytes: 64 * 128,
      twoShotBytes: 0,
    });
    const extent = 2 * 16 * 128;
    for (const buffer of [0, 1, 2]) {
      const start = lamport + buffer * lamportBytes;
      expect(bytesAt(memory, start, extent).every((byte) => byte === 0)).toBe(true);
      expect(bytesAt(memory, start + extent, 4)).toEqual(Uint8Array.of(0, 0x80, 0, 0x80));
    }
    expect(bytesAt(memory, barrier, barrierBytes).every((byte) => byte === 0)).toBe(true);
    // The rank's own stream waits for the kernels.
    expect(main.log).toEqual([]);
  });

  it('raises every flag that a two-shot launch waits for', async () => {
    const { kernelsOfRank, memory } = await stuck(demand({ shot: 'two-shot' }));
    kernelsOfRank.release();
    expect(words(bytesAt(memory, 4096, 2 * 256 * 4))).toEqual(Array(512).fill(0x07070707));
    expect([...bytesAt(memory, 4096 + 2048, 2)]).toEqual([0, 0x80]);
  });

  it('sends nothing while its last copies are on their way, nor before anything is prepared', async () => {
    const { kernelsOfRank, rescue } = await stuck(demand());
    rescue.busy = true;
    kernelsOfRank.release();
    expect(rescue.log).toEqual([]);
    rescue.busy = false;
    kernelsOfRank.release();
    const once = rescue.log.length;
    expect(once).toBeGreaterThanOrEqual(3);
    kernelsOfRank.release();
    expect(rescue.log).toHaveLength(2 * once);
    const idle = await stuck();
    idle.kernelsOfRank.release();
    expect(idle.rescue.log).toEqual([]);
  });
});

describe('prepare', () => {
  const prepared = async (asked: Asked, options: { size?: number } = {}) => {
    const of = demand(asked);
    const rank = new FakeRank({ demands: [of], ...options, multiprocessors: [132, 114] });
    const kernelsOfRank = await open!(rank.context);
    const step = bound(of);
    const launch = kernelsOfRank.prepare(step);
    return { step, given: rank.launches[0]!, launch, rank, libraries: kernelsOfRank.libraries };
  };

  it('gives the addon the step’s places', async () => {
    const { step, given, launch, rank, libraries } = await prepared({});
    expect(launch.maxRows).toBe(16);
    expect(given).toMatchObject({
      shot: 'one-shot',
      pattern: 1,
      dtype: 'bf16',
      rows: 16,
      hidden: 64,
      rank: 1,
      size: 2,
      ranksPerDevice: 1,
      // The fewest of all ranks: grids are equal.
      multiprocessors: 114,
      pdl: false,
      eps: 1e-6,
      weightBias: 0,
      workspace: { oneShotBytes: 2048, twoShotBytes: 0 },
    });
    expect(given.workspace.place.memory).toBe(rank.memories[0]);
    expect(given.input).toBe(step.inputs[0]);
    expect(given.residual).toBe(step.residual);
    expect(given.weight).toBe(step.weight);
    expect(given.residualOut).toBe(step.results.residual);
    expect(given.normOut).toBe(step.results.norm);
    expect(given).not.toHaveProperty('quantOut');
    expect(libraries).toEqual({ flashinfer: '0.7.2.post1' });
  });

  it('adds zeros where the site has no residual', async () => {
    const { step, given, rank } = await prepared({ stages: [AR, PRE_NORM], outputs: ['pre_norm'] });
    const zeros = given.residual!.memory as FakeMemory;
    expect(rank.memories).toContain(zeros);
    expect(zeros.data).toEqual(new Uint8Array(16 * 64 * 2));
    expect(given.weight).toBe(step.preNormWeight);
    expect(given.normOut).toBe(step.results.pre_norm);
    expect(given.weightBias).toBe(1);
    // The sum is the all-reduce, which nothing reads here.
    expect(given.residualOut!.memory.bytes).toBe(zeros.bytes);
    expect(given.residualOut!.memory).not.toBe(zeros);
    const read = await prepared({ stages: [AR, NORM], outputs: ['all_reduce', 'norm'] });
    expect(read.given.residualOut).toBe(read.step.results.all_reduce);
  });

  it.each<[number, readonly Stage[], readonly SiteOutput[], object]>([
    [0, [AR], ['all_reduce'], {}],
    [2, [AR, RESIDUAL, NORM, QUANT.fp8_static], ['residual', 'quant'], { scale: 'scale' }],
    [
      9,
      [AR, RESIDUAL, NORM, { ...QUANT.fp8_group, groupSize: 64 } as Stage],
      ['residual', 'norm', 'quant', 'scale'],
      { group: 64, scaleOut: 'scale out' },
    ],
    [10, [AR, RESIDUAL, NORM, QUANT.fp8_token], ['quant', 'scale'], { scaleOut: 'scale out' }],
    [
      3,
      [AR, RESIDUAL, NORM, QUANT.nvfp4],
      ['quant', 'scale'],
      { layout: 'swizzled_128x4', scale: 'scale', scaleOut: 'scale out' },
    ],
  ])('gives pattern %i what it reads and writes', async (pattern, stages, outputs, more) => {
    const { step, given } = await prepared({ stages, outputs });
    const { group, layout: scales, scale, scaleOut } = given;
    expect(given.pattern).toBe(pattern);
    expect({
      ...(group === undefined ? {} : { group }),
      ...(scales === undefined ? {} : { layout: scales }),
      ...(scale === step.scale ? { scale: 'scale' } : {}),
      ...(scaleOut !== undefined && scaleOut === step.results.scale
        ? { scaleOut: 'scale out' }
        : {}),
    }).toEqual(more);
    expect(given.quantOut).toBe(step.results.quant);
    expect(given.normOut).toBe(step.results.norm);
    expect(given.allReduceOut).toBe(step.results.all_reduce);
  });

  it('refuses a plan whose parameters are not those of its stages', async () => {
    const of = demand();
    for (const [name, value] of [
      ['pattern', 4],
      ['fp32Acc', false],
      ['triggerCompletionAtEnd', false],
      ['pdl', null],
    ] as const) {
      const demands = [{ ...of, params: { ...of.params, [name]: value } }];
      const rank = new FakeRank({ demands });
      const failure = open!(rank.context);
      await expect(failure).rejects.toThrow(PlanError);
      await expect(failure).rejects.toThrow(`${name} is ${value}`);
      expect(rank.memories).toEqual([]);
    }
  });

  it('passes on what the addon refuses, as an error with the kernel’s name', async () => {
    const of = demand();
    const rank = new FakeRank({ demands: [of] });
    const kernelsOfRank = await open!(rank.context);
    rank.refusal = new TypeError('residualOut: expected the place of input, or one apart from it.');
    expect(() => kernelsOfRank.prepare(bound(of))).toThrow(NativeError);
    expect(() => kernelsOfRank.prepare(bound(of))).toThrow(
      '@arfuse/flashinfer/one-shot cannot be made ready: residualOut: expected the place of input',
    );
    // What was refused is not waited for.
    kernelsOfRank.release();
    expect(rank.streams[0]!.log).toEqual([]);
  });
});

describe('open', () => {
  it.each<[string, ConstructorParameters<typeof FakeRank>[0], string]>([
    ['no GPU', { demands: [demand()], kind: 'reference' }, 'device 0 is no GPU.'],
    ['no addon', { demands: [demand()], native: null }, 'of an addon without kernels'],
    [
      'an addon without FlashInfer',
      { demands: [demand()], native: { flashinferVersion: null, prepareFusion: undefined } },
      "the addon was built without FlashInfer's kernels, for 90a-real. Run `arfuse native build",
    ],
  ])('refuses %s before it allocates anything', async (_, given, sentence) => {
    const rank = new FakeRank(given);
    const failure = open!(rank.context);
    await expect(failure).rejects.toThrow(NativeError);
    await expect(failure).rejects.toThrow(sentence);
    expect(rank.memories).toEqual([]);
    expect(rank.streams).toEqual([]);
  });

  it('frees what it made for itself, and leaves the workspace to the executor', async () => {
    const rank = new FakeRank({ demands: [demand({ stages: [AR, NORM], outputs: ['norm'] })] });
    const kernelsOfRank = await open!(rank.context);
    await kernelsOfRank.close();
    expect(rank.memories.map(({ closed }) => closed)).toEqual([false, true, true]);
  });
});
