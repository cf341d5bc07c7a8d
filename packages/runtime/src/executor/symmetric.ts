import type { Device, SymmetricMemory } from '@arfuse/contract';
import type { Channel } from '../group/group.ts';

/** Symmetric memory with what frees it. */
export interface OwnedSymmetricMemory extends SymmetricMemory {
  /** Ends the views of other ranks' memory. */
  unmap(): void;
  /** Frees this rank's; after every rank has ended its views. */
  free(): void;
}

/** Allocates equally many bytes at every rank and maps every rank's. */
export async function allocateSymmetric(
  device: Device,
  channel: Channel,
  rank: number,
  bytes: number,
): Promise<OwnedSymmetricMemory> {
  const memory = device.allocate(bytes);
  const shared = await channel.exchange(device.share(memory));
  const views = shared.map((other, of) => (of === rank ? memory : device.map(other, bytes)));
  return {
    memory,
    addresses: views.map(({ address }) => address),
    unmap: () => {
      for (const view of views) if (view !== memory) view.close();
    },
    free: () => memory.close(),
  };
}
