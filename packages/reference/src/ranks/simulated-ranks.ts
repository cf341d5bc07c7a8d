import { UsageError } from '@arfuse/contract';

/**
 * Ranks of several process groups of different sizes. Ranks stand on a grid with one axis per group; the members of
 * a rank's group are the ranks that differ only along that group's axis. Two groups of equal size are different groups.
 */
export class SimulatedRanks {
  readonly count: number;
  readonly #sizes: readonly number[];
  readonly #names: readonly string[];

  /** @throws UsageError for an empty list, a size below 1, or more than 4096 ranks */
  constructor(groups: readonly { readonly name: string; readonly size: number }[]) {
    this.#sizes = groups.map((group) => group.size);
    this.#names = groups.map((group) => group.name);
    this.count = this.#sizes.reduce((product, size) => product * size, 1);
    if (
      groups.length === 0 ||
      this.#sizes.some((size) => !Number.isInteger(size) || size < 1) ||
      this.count > 4096
    ) {
      throw new UsageError({
        message: `cannot simulate groups of ${this.#sizes.join(' × ') || 'no'} ranks.`,
        hint: 'Give at least one group, sizes of 1 or more, and at most 4096 ranks in all.',
      });
    }
  }

  /** Ordinal of a group name, or undefined. */
  ordinal(name: string): number | undefined {
    const found = this.#names.indexOf(name);
    return found < 0 ? undefined : found;
  }

  sizeOf(group: number): number {
    return this.#sizes[group]!;
  }

  /** Ranks that reduce together with `rank` over a group, in the group's order. */
  members(group: number, rank: number): number[] {
    let stride = 1;
    for (let axis = 0; axis < group; axis += 1) stride *= this.#sizes[axis]!;
    const size = this.#sizes[group]!;
    const first = rank - (Math.floor(rank / stride) % size) * stride;
    return Array.from({ length: size }, (_, i) => first + i * stride);
  }
}
