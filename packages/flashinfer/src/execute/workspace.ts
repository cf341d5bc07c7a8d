import type {
  DeviceEvent,
  DevicePlace,
  DeviceStream,
  ExecutionContext,
  PinnedMemory,
} from '@arfuse/contract';
import type { CudaBinding, NativeExchangeRoom, NativeFusionLayout } from '@arfuse/native';

/** −0 is what an empty Lamport slot holds: 16-bit types share its code, f32 has another. */
export type EmptyWord = 2 | 4;

/** Bytes of −0 that come from the host; the rest of the buffers is copied from them. */
const SEED_BYTES = 64 * 1024;

/** Bytes of 0 that a copy of a release brings. */
const ZERO_BYTES = 2 * 1024 * 1024;

/** A barrier flag that is none of its values, 0 to 2: whoever waits there goes on. */
const FOREIGN_FLAG_BYTE = 7;

/** Releases of a stuck queue that are sent at once: each frees two launches or so, since launches empty buffers. */
const MOST_PASSES = 8;

/** Where copies of one call to release stop being worth more passes. */
const PASS_BYTES = 4 * 1024 * 1024;

/** Little-endian −0 of a type, over and over. */
function fillEmpty(bytes: Uint8Array, word: EmptyWord): void {
  bytes.fill(0);
  for (let at = word - 1; at < bytes.length; at += word) bytes[at] = 0x80;
}

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** A rank's workspace for activations of one width. */
export class FusionWorkspace {
  readonly room: NativeExchangeRoom;
  readonly place: DevicePlace;
  readonly #layout: NativeFusionLayout;
  readonly #stream: DeviceStream;
  /** Made before anything can be stuck; copies on it need no multiprocessor. */
  readonly #rescue: DeviceStream;
  readonly #rescued: DeviceEvent;
  readonly #pinned: PinnedMemory;
  readonly #control: Uint8Array;
  readonly #table: Uint8Array;
  readonly #seed: Uint8Array;
  readonly #zeros: Uint8Array;
  readonly #flags: Uint8Array;
  /** Bytes of a Lamport buffer that prepared launches wait in. */
  #oneShotBytes = 0;
  #twoShot = false;

  private constructor(
    { device, stream, rank, size }: ExecutionContext,
    binding: CudaBinding,
    room: NativeExchangeRoom,
    word: EmptyWord,
    place: DevicePlace,
    addresses: readonly bigint[],
  ) {
    this.room = room;
    this.place = place;
    this.#stream = stream;
    this.#rescue = device.createStream();
    this.#rescued = device.createEvent();
    this.#layout = binding.fusion.layout({ ...room, size });
    const { controlWords, barrierBytes, lamportBytes } = this.#layout;
    const parts = [
      bytesOf(controlWords),
      bytesOf(binding.fusion.table({ ...room, size, rank, addresses })),
      new Uint8Array(Math.min(SEED_BYTES, 3 * lamportBytes)),
      new Uint8Array(Math.min(ZERO_BYTES, lamportBytes)),
      new Uint8Array(barrierBytes).fill(FOREIGN_FLAG_BYTE),
    ];
    fillEmpty(parts[2]!, word);
    this.#pinned = device.pinned(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    const [control, table, seed, zeros, flags] = parts.map((part) => {
      const copy = this.#pinned.array.subarray(at, at + part.length);
      copy.set(part);
      at += part.length;
      return copy;
    });
    this.#control = control!;
    this.#table = table!;
    this.#seed = seed!;
    this.#zeros = zeros!;
    this.#flags = flags!;
  }

  /** Allocates it at every rank and begins to initialise it, on the rank's stream. All ranks call it. */
  static async allocate(
    context: ExecutionContext,
    binding: CudaBinding,
    room: NativeExchangeRoom,
    word: EmptyWord,
  ): Promise<FusionWorkspace> {
    const { bytes } = binding.fusion.layout({ ...room, size: context.size });
    const { memory, addresses } = await context.symmetric(bytes);
    const place = { memory, offset: 0 };
    const made = new FusionWorkspace(context, binding, room, word, place, addresses);
    made.#initialise();
    return made;
  }

  /** Notes what a launch may wait for. */
  expect(shot: 'one-shot' | 'two-shot', bytesOfAllRanks: number): void {
    if (shot === 'two-shot') this.#twoShot = true;
    else this.#oneShotBytes = Math.max(this.#oneShotBytes, bytesOfAllRanks);
  }

  /** Frees kernels that wait here, by what they wait for; enqueues nothing while an earlier call's copies are on their way. */
  release(): void {
    if (!this.#rescue.idle()) return;
    const { barrier, lamport, lamportBytes } = this.#layout;
    if (this.#twoShot) this.#rescue.write(this.#at(barrier), this.#flags);
    const extent = this.#oneShotBytes;
    if (extent === 0) return;
    const passes = Math.min(MOST_PASSES, Math.max(1, Math.floor(PASS_BYTES / (3 * extent))));
    for (let copies = 0; copies < 3 * passes; copies += 1) {
      const buffer = lamport + (copies % 3) * lamportBytes;
      for (let at = 0; at < extent; at += this.#zeros.length)
        this.#rescue.write(this.#at(buffer + at), this.#zeros.subarray(0, extent - at));
    }
  }

  /** Makes it as new, behind the copies of releases. */
  reset(): void {
    this.#rescue.record(this.#rescued);
    this.#stream.wait(this.#rescued);
    this.#initialise();
  }

  close(): void {
    this.#pinned.close();
  }

  #initialise(): void {
    const { control, table, barrier, barrierBytes, lamport, lamportBytes } = this.#layout;
    this.#stream.write(this.#at(control), this.#control);
    this.#stream.write(this.#at(table), this.#table);
    this.#stream.fill(this.#at(barrier), 0, barrierBytes);
    const total = 3 * lamportBytes;
    if (total === 0) return;
    this.#stream.write(this.#at(lamport), this.#seed);
    for (let done = this.#seed.length; done < total; done *= 2)
      this.#stream.copy(this.#at(lamport + done), this.#at(lamport), Math.min(done, total - done));
  }

  #at(offset: number): DevicePlace {
    return { memory: this.place.memory, offset };
  }
}
