import {
  type ArfuseError,
  type BoundStep,
  type Device,
  type ExecutionContext,
  NativeError,
  type StepDemand,
} from '@arfuse/contract';
import type { NativeAllReduceLaunch, NativeNcclOpening } from '@arfuse/native';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { rehearsals, windowBytes } from '../src/connect.ts';
import { createNccl, releasesWindows } from '../src/index.ts';

type Behaviour = 'connects' | 'fails' | 'hangs';

/** What stands in for the addon on one rank: it keeps what it is asked for. */
class FakeRank {
  readonly openings: NativeNcclOpening[] = [];
  readonly prepared: NativeAllReduceLaunch[] = [];
  readonly calls: string[] = [];
  version = '2.28.9';
  missing = false;
  behaviour: Behaviour = 'connects';
  failure: string | null = null;

  readonly device: Device;

  constructor() {
    const rank = this;
    let ids = 0;
    const native = {
      NcclLibrary: class {
        readonly file = '/nccl/libnccl.so.2';
        readonly version = rank.version;
        constructor(path: string) {
          if (rank.missing) throw new Error(`${path}: cannot open shared object file`);
        }
        uniqueId(): Uint8Array {
          ids += 1;
          return new Uint8Array(128).fill(ids);
        }
      },
      NcclCommunicator: class {
        #open = false;
        open(options: NativeNcclOpening): void {
          expect(this.#open).toBe(false);
          rank.calls.push('open');
          rank.openings.push(options);
        }
        ready(): boolean {
          if (rank.behaviour === 'fails')
            throw Object.assign(new Error('ncclCommInitRankConfig: unhandled cuda error'), {
              code: 'ncclUnhandledCudaError',
            });
          this.#open = rank.behaviour === 'connects';
          return this.#open;
        }
        abort(): void {
          this.#open = false;
          rank.calls.push('abort');
        }
        close(): void {
          this.#open = false;
          rank.calls.push('close');
        }
        closed(): boolean {
          return !this.#open;
        }
        failure(): string | null {
          return rank.failure;
        }
      },
      prepareNorm: () => {},
      prepareAllReduce(_: number, launch: NativeAllReduceLaunch) {
        rank.prepared.push(launch);
        return { maxRows: launch.rows, close: () => {} };
      },
    };
    this.device = { kind: 'cuda', ordinal: 3, native, facts: {} } as unknown as Device;
  }
}

/** Gives every rank's message to every rank, in rounds. */
function exchanges(size: number): ((message: Uint8Array) => Promise<readonly Uint8Array[]>)[] {
  const rounds: { messages: Uint8Array[]; waiting: ((all: Uint8Array[]) => void)[] }[] = [];
  return Array.from({ length: size }, (_, rank) => {
    let turn = 0;
    return (message) => {
      rounds[turn] ??= { messages: [], waiting: [] };
      const round = rounds[turn]!;
      turn += 1;
      round.messages[rank] = message;
      return new Promise((resolve) => {
        round.waiting.push(resolve);
        if (round.waiting.length === size)
          for (const settle of round.waiting) settle(round.messages);
      });
    };
  });
}

const demand = (change: Partial<StepDemand> = {}): StepDemand => ({
  kernel: '@arfuse/nccl/all-reduce',
  params: {},
  stages: [{ kind: 'all_reduce' }],
  outputs: ['all_reduce'],
  numerics: {} as StepDemand['numerics'],
  hidden: 64,
  dtype: 'bf16',
  rows: { min: 1, max: 8 },
  ...change,
});

const SYMMETRIC = '@arfuse/nccl/all-reduce-symmetric';

async function open(
  ranks: readonly FakeRank[],
  change: Partial<ExecutionContext> = {},
  settings: Parameters<typeof createNccl>[0] = {},
) {
  const exchange = exchanges(ranks.length);
  return await Promise.allSettled(
    ranks.map(({ device }, rank) =>
      createNccl(settings).open!({
        device,
        rank,
        size: ranks.length,
        ranksPerDevice: 1,
        demands: [demand()],
        exchange: exchange[rank]!,
        ...change,
      } as unknown as ExecutionContext),
    ),
  );
}

const opened = async (...given: Parameters<typeof open>) =>
  (await open(...given)).map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });

const failed = async (...given: Parameters<typeof open>) =>
  (await open(...given)).map((result) => {
    if (result.status === 'fulfilled') throw new Error('it opened');
    return result.reason as ArfuseError;
  });

const fakes = (count: number) => Array.from({ length: count }, () => new FakeRank());

afterEach(() => vi.unstubAllEnvs());

describe('the executor of nccl', () => {
  it('connects all ranks by the id of rank 0', async () => {
    const ranks = fakes(3);
    const executors = await opened(ranks);
    for (const [rank, { openings }] of ranks.entries())
      expect(openings).toEqual([
        {
          id: new Uint8Array(128).fill(1),
          rank,
          size: 3,
          windowBytes: 0,
          rehearsals: [
            { dtype: 'bf16', count: 64, windowed: false },
            { dtype: 'bf16', count: 512, windowed: false },
          ],
        },
      ]);
    expect(executors.map(({ libraries }) => libraries)).toEqual(
      Array.from({ length: 3 }, () => ({ nccl: '2.28.9' })),
    );
  });

  it('prepares launches from buffer to buffer, and over the window', async () => {
    const ranks = fakes(2);
    const demands = [demand(), demand({ kernel: SYMMETRIC, rows: { min: 4, max: 16 } })];
    const [executor] = await opened(ranks, { demands });
    const place = (offset: number) => ({ memory: {} as never, offset });
    const step = (change: object) =>
      ({ ...demand(), inputs: [place(0)], results: {}, ...change }) as BoundStep;
    executor!.prepare(step({ results: { all_reduce: place(16) } }));
    executor!.prepare(step({ kernel: SYMMETRIC, carry: place(32), rows: { min: 4, max: 16 } }));
    expect(ranks[0]!.prepared).toMatchObject([
      {
        dtype: 'bf16',
        rows: 8,
        hidden: 64,
        input: { offset: 0 },
        output: { offset: 16 },
        windowed: false,
      },
      { rows: 16, output: { offset: 32 }, windowed: true },
    ]);
    expect(ranks[1]!.openings[0]).toMatchObject({ windowBytes: 16 * 64 * 2 });
  });

  it.each([
    ['2.28.9', [demand({ kernel: SYMMETRIC })], 'NCCL 2.28.9 does not end kernels over symmetric'],
    ['2.29.3', [demand({ kernel: SYMMETRIC })], 'NCCL 2.29.3 does not end kernels over symmetric'],
    ['2.29.7', [demand({ kernel: SYMMETRIC })], undefined],
    ['2.28.9', [demand()], undefined],
  ])('says whether NCCL %s ends its kernels', async (version, demands, said) => {
    const ranks = fakes(2);
    for (const rank of ranks) rank.version = version;
    for (const { cannotRelease } of await opened(ranks, { demands }))
      if (said === undefined) expect(cannotRelease).toBeUndefined();
      else expect(cannotRelease).toContain(said);
    expect(releasesWindows(version)).toBe(version === '2.29.7');
  });

  it('rehearses the smallest and the largest launch of each kernel and dtype', () => {
    const demands = [
      demand({ rows: { min: 2, max: 8 } }),
      demand({ hidden: 128, rows: { min: 1, max: 4 } }),
      demand({ dtype: 'f32', rows: { min: 3, max: 3 } }),
      demand({ kernel: SYMMETRIC, hidden: 8, rows: { min: 1, max: 2 } }),
    ];
    expect(rehearsals(demands)).toEqual([
      { dtype: 'bf16', count: 128, windowed: false },
      { dtype: 'bf16', count: 512, windowed: false },
      { dtype: 'f32', count: 192, windowed: false },
      { dtype: 'bf16', count: 8, windowed: true },
      { dtype: 'bf16', count: 16, windowed: true },
    ]);
    expect(windowBytes(demands)).toBe(32);
  });

  it('aborts to release, warns of what NCCL found, and connects anew to reset', async () => {
    const ranks = fakes(2);
    const executors = await opened(ranks);
    const warning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    ranks[1]!.failure = 'NCCL: remote process exited';
    for (const executor of executors) executor.release();
    ranks[1]!.failure = null;
    expect(warning.mock.calls.map(([text]) => text)).toEqual([
      'rank 1: NCCL: remote process exited',
    ]);
    warning.mockRestore();
    await Promise.all(executors.map((executor) => executor.reset()));
    for (const { openings, calls } of ranks) {
      expect(openings.map(({ id }) => id[0])).toEqual([1, 2]);
      expect(calls).toEqual(['open', 'abort', 'abort', 'open']);
    }
    expect(executors.every(({ recaptures }) => recaptures)).toBe(true);
    await Promise.all(executors.map((executor) => executor.close()));
    expect(ranks[0]!.calls.at(-1)).toBe('close');
  });

  it('fails at every rank when one has no NCCL, and names it', async () => {
    vi.stubEnv('ARFUSE_NCCL_PATH', '/nowhere/libnccl.so.2');
    const ranks = fakes(3);
    ranks[1]!.missing = true;
    const errors = await failed(ranks);
    expect(errors[1]!.message).toContain(
      'no NCCL 2.28.0 or newer: /nowhere/libnccl.so.2: cannot open',
    );
    for (const rank of [0, 2]) {
      expect(errors[rank]).toBeInstanceOf(NativeError);
      expect(errors[rank]!.message).toContain(
        'opening NCCL failed at rank 1: no NCCL 2.28.0 or newer',
      );
    }
    expect(ranks.flatMap(({ calls }) => calls)).toEqual([]);
  });

  it('refuses ranks of different releases before NCCL connects them', async () => {
    const ranks = fakes(3);
    ranks[2]!.version = '2.29.2';
    for (const error of await failed(ranks)) {
      expect(error.code).toBe('ARFUSE_AGREEMENT');
      expect(error.message).toContain('NCCL is 2.28.9 at ranks 0, 1; 2.29.2 at rank 2');
    }
    expect(ranks.flatMap(({ calls }) => calls)).toEqual([]);
  });

  it('fails at every rank when one does not connect, in the words of NCCL', async () => {
    const ranks = fakes(2);
    ranks[0]!.behaviour = 'fails';
    const errors = await failed(ranks);
    expect(errors[0]!.message).toContain(
      'NCCL does not connect rank 0: ncclCommInitRankConfig: unhandled cuda error.',
    );
    expect(errors[0]!.details).toEqual({ rank: 0, code: 'ncclUnhandledCudaError' });
    expect(errors[1]!.message).toContain(
      'connecting by NCCL failed at rank 0: NCCL does not connect',
    );
    // What the other rank opened is ended.
    expect(ranks[1]!.calls).toEqual(['open', 'abort']);
  });

  it('gives up when NCCL takes too long', async () => {
    const ranks = fakes(2);
    ranks[1]!.behaviour = 'hangs';
    const errors = await failed(ranks, {}, { openTimeoutMs: 20 });
    expect(errors[1]!.message).toContain('NCCL has not connected rank 1 within 0.02 s');
    expect(errors[0]!.message).toContain('connecting by NCCL failed at rank 1');
    expect(ranks[1]!.calls).toEqual(['open', 'abort']);
    expect(() => createNccl({ openTimeoutMs: 0.5 })).toThrow('openTimeoutMs is 0.5');
  });

  it('refuses ranks that share a GPU, unless they are hosts of their own to NCCL', async () => {
    vi.stubEnv('NCCL_HOSTID', '');
    const shared = { ranksPerDevice: 2 };
    for (const error of await failed(fakes(2), shared)) {
      expect(error.code).toBe('ARFUSE_UNSUPPORTED');
      expect(error.message).toContain('NCCL takes one rank per GPU of a host; 2 ranks share one');
    }
    vi.stubEnv('NCCL_HOSTID', 'rank-0');
    expect(await opened(fakes(2), shared)).toHaveLength(2);
    const demands = [demand({ kernel: SYMMETRIC })];
    const [error] = await failed(fakes(2), { ...shared, demands });
    expect(error!.message).toContain('symmetric windows need a GPU for each rank');
  });

  it('refuses launches from threads of NCCL, and a device that is no GPU', async () => {
    vi.stubEnv('NCCL_COMM_BLOCKING', '0');
    expect((await failed(fakes(1)))[0]!.message).toContain('NCCL_COMM_BLOCKING=0');
    vi.unstubAllEnvs();
    const [rank] = fakes(1) as [FakeRank];
    const device = { ...rank.device, kind: 'reference' } as Device;
    expect((await failed([rank], { device }))[0]!.message).toContain('device 3 is no GPU');
  });
});
