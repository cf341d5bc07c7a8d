/** What ranks gave to one collective. */
interface Meeting {
  readonly given: Map<number, readonly Uint8Array[]>;
  taken: number;
}

/** Where the kernels of all ranks of a fabric meet: each rank's n-th collective of a workspace with the others' n-th. */
export class Meetings {
  readonly #size: number;
  /** How many ranks take from here. */
  readonly #takers: number;
  readonly #meetings = new Map<string, Meeting>();

  constructor(size: number, takers = size) {
    this.#size = size;
    this.#takers = takers;
  }

  give(workspace: string, turn: number, rank: number, partials: readonly Uint8Array[]): void {
    const meeting = this.#meeting(workspace, turn);
    meeting.given.set(rank, partials);
  }

  /** Ranks that have come. */
  arrived(workspace: string, turn: number): number[] {
    return [...(this.#meetings.get(`${workspace} ${turn}`)?.given.keys() ?? [])].sort();
  }

  /** What all ranks gave by rank, once all have come with equally many bytes; a kernel would wait for them for ever. */
  take(workspace: string, turn: number): readonly (readonly Uint8Array[])[] | undefined {
    const meeting = this.#meeting(workspace, turn);
    if (meeting.given.size < this.#size) return undefined;
    const all = Array.from({ length: this.#size }, (_, rank) => meeting.given.get(rank)!);
    const bytes = (of: readonly Uint8Array[]): number =>
      of.reduce((sum, { length }) => sum + length, 0);
    if (all.some((of) => bytes(of) !== bytes(all[0]!))) return undefined;
    meeting.taken += 1;
    if (meeting.taken === this.#takers) this.#meetings.delete(`${workspace} ${turn}`);
    return all;
  }

  /** Forgets what a rank gave: its workspace is as new. */
  reset(workspace: string, rank: number): void {
    for (const [name, { given }] of this.#meetings) {
      if (!name.startsWith(`${workspace} `)) continue;
      given.delete(rank);
      if (given.size === 0) this.#meetings.delete(name);
    }
  }

  #meeting(workspace: string, turn: number): Meeting {
    const name = `${workspace} ${turn}`;
    const meeting = this.#meetings.get(name) ?? { given: new Map(), taken: 0 };
    this.#meetings.set(name, meeting);
    return meeting;
  }
}
