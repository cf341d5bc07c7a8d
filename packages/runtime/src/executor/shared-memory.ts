import type { Device, DeviceMemory, PinnedMemory, SymmetricMemory } from '@arfuse/contract';
import type { Channel } from '../group/group.ts';
import { setAbort } from './recovery.ts';

/** Memory of one rank that kernels of all ranks reach, with what was mapped of theirs. */
interface Allocation {
  readonly memory: DeviceMemory;
  readonly views: DeviceMemory[];
}

/** What a rank's kernels share: the abort word with the host, and symmetric memory with the other ranks. */
export class SharedMemory {
  readonly abort: PinnedMemory;
  readonly #device: Device;
  readonly #channel: Channel;
  readonly #rank: number;
  readonly #allocations: Allocation[] = [];

  constructor(device: Device, channel: Channel, rank: number) {
    this.#device = device;
    this.#channel = channel;
    this.#rank = rank;
    this.abort = device.pinned(64);
    setAbort(this.abort, 0);
  }

  /** Allocates equally many bytes at every rank and maps every rank's. All ranks call it in the same order. */
  async symmetric(bytes: number): Promise<SymmetricMemory> {
    const memory = this.#device.allocate(bytes);
    const views: DeviceMemory[] = [];
    // Known from here on, so that what follows may fail half-way.
    this.#allocations.push({ memory, views });
    const shared = await this.#channel.exchange(this.#device.share(memory));
    const addresses = shared.map((other, of) => {
      if (of === this.#rank) return memory.address;
      const view = this.#device.map(other, bytes);
      views.push(view);
      return view.address;
    });
    return { memory, addresses };
  }

  /** How much of it there is, which is the same at all ranks once their backends are open. */
  get allocations(): number {
    return this.#allocations.length;
  }

  /** Ends the views of other ranks' memory. Memory that a peer still maps may not be freed: all ranks do this first. */
  unmap(): void {
    for (const { views } of this.#allocations) for (const view of views.splice(0)) view.close();
  }

  free(): void {
    for (const { memory } of this.#allocations.splice(0)) memory.close();
    this.abort.close();
  }
}
