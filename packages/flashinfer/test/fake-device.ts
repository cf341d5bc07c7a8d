import type {
  Device,
  DeviceEvent,
  DeviceMemory,
  DevicePlace,
  DeviceStream,
  ExecutionContext,
  StepDemand,
} from '@arfuse/contract';
import type { NativeFusionLaunch, NativeFusionRoom } from '@arfuse/native';

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** Device memory that a test looks into. */
export class FakeMemory implements DeviceMemory {
  readonly data: Uint8Array;
  closed = false;

  constructor(
    readonly address: bigint,
    readonly bytes: number,
  ) {
    // What nobody has initialised is no zero.
    this.data = new Uint8Array(bytes).fill(0xee);
  }

  close(): void {
    this.closed = true;
  }
}

const dataOf = ({ memory, offset }: DevicePlace, count: number): Uint8Array => {
  const { data } = memory as FakeMemory;
  if (offset + count > data.length) throw new Error(`${count} bytes do not lie behind ${offset}`);
  return data.subarray(offset, offset + count);
};

/** A stream that runs everything at once. */
export class FakeStream {
  readonly log: string[] = [];
  busy = false;

  write(to: DevicePlace, host: ArrayBufferView): void {
    this.log.push(`write ${host.byteLength} at ${to.offset}`);
    dataOf(to, host.byteLength).set(bytesOf(host));
  }
  fill(to: DevicePlace, byte: number, count: number): void {
    this.log.push(`fill ${count} at ${to.offset}`);
    dataOf(to, count).fill(byte);
  }
  copy(to: DevicePlace, from: DevicePlace, count: number): void {
    this.log.push(`copy ${count} to ${to.offset}`);
    dataOf(to, count).set(dataOf(from, count));
  }
  record(): void {
    this.log.push('record');
  }
  wait(): void {
    this.log.push('wait');
  }
  idle(): boolean {
    return !this.busy;
  }
}

/** Parts of a workspace in round places; the addon's own are tested with the addon. */
export function layout({ size, oneShotBytes, twoShotBytes }: NativeFusionRoom) {
  const lamportBytes = size * oneShotBytes;
  const barrierBytes = size * 256 * 4;
  const lamport = 4096 + barrierBytes;
  const comm = lamport + 3 * lamportBytes;
  return {
    control: 0,
    controlWords: Int32Array.of(0, 0, 0, lamportBytes, 0),
    table: 256,
    barrier: 4096,
    barrierBytes,
    lamport,
    lamportBytes,
    comm,
    commBytes: 2 * twoShotBytes,
    bytes: comm + 2 * twoShotBytes,
  };
}

/** One rank of a group, whose device is looked into. */
export class FakeRank {
  readonly memories: FakeMemory[] = [];
  readonly stream = new FakeStream();
  /** Streams that the backend made. */
  readonly streams: FakeStream[] = [];
  readonly launches: NativeFusionLaunch[] = [];
  /** What the addon says to the next launch. */
  refusal: Error | undefined;
  readonly context: ExecutionContext;

  constructor({
    demands,
    size = 2,
    rank = 1,
    ranksPerDevice = 1,
    multiprocessors = [132, 132],
    native = {},
    kind = 'cuda',
  }: {
    demands: readonly StepDemand[];
    size?: number;
    rank?: number;
    ranksPerDevice?: number;
    /** By rank. */
    multiprocessors?: readonly number[];
    /** Members of the addon that differ. */
    native?: object | null;
    kind?: Device['kind'];
  }) {
    const binding = {
      cudaArchitectures: '90a-real',
      flashinferVersion: '0.7.2.post1',
      prepareNorm: () => {},
      devices: () => ({ devices: [{ multiprocessors: multiprocessors[rank] }] }),
      fusion: {
        layout,
        table: (given: NativeFusionRoom & { rank: number; addresses: readonly bigint[] }) =>
          BigUint64Array.of(...given.addresses, BigInt(given.rank)),
      },
      prepareFusion: (_: number, launch: NativeFusionLaunch) => {
        if (this.refusal) throw this.refusal;
        this.launches.push(launch);
        return { maxRows: launch.rows, close: () => {} };
      },
      ...native,
    };
    const allocate = (bytes: number): FakeMemory => {
      const memory = new FakeMemory(BigInt(this.memories.length + 1) << 32n, bytes);
      this.memories.push(memory);
      return memory;
    };
    const device = {
      kind,
      ordinal: 0,
      facts: {},
      ...(native === null ? {} : { native: binding }),
      allocate,
      pinned: (bytes: number) => ({
        array: new Uint8Array(bytes),
        address: 0n,
        close: () => {},
      }),
      createStream: () => {
        const made = new FakeStream();
        this.streams.push(made);
        return made as unknown as DeviceStream;
      },
      createEvent: (): DeviceEvent => ({ passed: () => true, elapsed: () => 0, close: () => {} }),
    } as unknown as Device;
    this.context = {
      device,
      stream: this.stream as unknown as DeviceStream,
      rank,
      size,
      ranksPerDevice,
      abort: device.pinned(64),
      demands,
      exchange: async () =>
        multiprocessors.map((count) => {
          const bytes = new Uint8Array(4);
          new DataView(bytes.buffer).setUint32(0, count);
          return bytes;
        }),
      symmetric: async (bytes) => {
        const memory = allocate(bytes);
        const addresses = Array.from({ length: size }, (_, of) =>
          of === rank ? memory.address : memory.address + (BigInt(of + 1) << 40n),
        );
        return { memory, addresses };
      },
    };
  }
}
