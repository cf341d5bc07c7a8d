import { BUFFERS, type Exchange, type Fault, PHASES } from './program.ts';

/** What is explored. */
export interface Setting {
  readonly ranks: number;
  /** Exchanges that hosts choose from, for each call anew; all ranks make the same choice. */
  readonly choices: readonly Exchange[];
  /** Calls of each rank. */
  readonly calls: number;
  /** Blocks of a rank that run at once; later ones start when earlier ones have ended. */
  readonly resident: number;
  /** Whether hosts may set abort words at any time, and then reset all workspaces and make so many calls more. */
  readonly afterAbort?: number;
  /**
   * Does at once what only helps others: a store becomes visible, a block sees its flags. Exact for the protocol, since flags
   * are compared by ≥ and released behind the data; the tests hold its verdicts to those of the whole search.
   */
  readonly eager: boolean;
  readonly fault?: Fault;
}

/** A property does not hold. */
export class Violation extends Error {}

/** Where a block is. Phase `p` waits at `waits + 2p` and loads at `loads + 2p`. */
export const AT = { idle: 0, late: 1, waits: 2, loads: 3, ended: 6, left: 7 } as const;

/** Numbers of a rank. `abortedNow` came from this launch: blocks that start late may or may not see it. */
export const RANK = {
  call: 0,
  running: 1,
  epoch: 2,
  arrivals: 3,
  aborted: 4,
  abortedNow: 5,
  abort: 6,
} as const;
const RANK_SIZE = 7;
/** Numbers of a block: where it is, its exchange, and the call in which it last raised the flag of each phase. */
export const BLOCK = { at: 0, epoch: 1, raised: 2 } as const;
const BLOCK_SIZE = 2 + PHASES;
/** Stores of a block to a peer that are not visible yet: what, and of which exchange. */
const QUEUE = 6;
/** Pieces of a tensor: of all of it in a one-shot exchange, of a slice in a two-shot one. */
const PIECES = { one: 4, two: 2 } as const;

/** A state is a row of small numbers; this says which is where. */
export class Model {
  readonly setting: Setting;
  readonly ranks: number;
  readonly blocks: number;
  readonly cells: number;
  readonly size: number;
  readonly #rank: number;
  readonly #block: number;
  readonly #queue: number;
  readonly #flag: number;
  readonly #cell: number;
  readonly #stored: readonly (readonly number[])[];

  constructor(setting: Setting) {
    this.setting = setting;
    this.ranks = setting.ranks;
    this.blocks = Math.max(...setting.choices.map(({ blocks }) => blocks));
    this.cells = this.ranks * PIECES.one;
    this.#rank = this.#lastCall + 1;
    this.#block = this.#rank + this.ranks * RANK_SIZE;
    this.#queue = this.#block + this.ranks * this.blocks * BLOCK_SIZE;
    this.#flag = this.#queue + this.ranks * this.blocks * this.ranks * QUEUE * 2;
    this.#cell = this.#flag + this.ranks * PHASES * this.blocks * this.ranks;
    this.size = this.#cell + this.ranks * BUFFERS * this.cells;
    const phases = [...Array(PHASES).keys()];
    const blocks = [...Array(this.blocks).keys()];
    this.#stored = [undefined, ...setting.choices].flatMap((exchange) =>
      blocks.flatMap((block) =>
        this.peers.flatMap((from) =>
          phases.map((phase) => (exchange ? this.#cellsOf(exchange, block, from, phase) : [])),
        ),
      ),
    );
  }

  get #lastCall(): number {
    return this.setting.calls + (this.setting.afterAbort ?? 0);
  }

  get peers(): readonly number[] {
    return [...Array(this.ranks).keys()];
  }

  /** Index of whether the workspaces were reset. */
  readonly wasReset = 0;

  /** Calls up to which a rank launches. */
  limit(state: Uint8Array): number {
    return state[this.wasReset] === 0 ? this.setting.calls : this.#lastCall;
  }

  /** Index of the choice of a call, from 1; 0 where no rank has launched it. */
  choice(call: number): number {
    return call;
  }

  exchange(state: Uint8Array, call: number): Exchange {
    return this.setting.choices[this.chosen(state, call) - 1]!;
  }

  chosen(state: Uint8Array, call: number): number {
    return state[call]!;
  }

  rank(rank: number, field: number): number {
    return this.#rank + rank * RANK_SIZE + field;
  }

  block(rank: number, block: number, field: number): number {
    return this.#block + (rank * this.blocks + block) * BLOCK_SIZE + field;
  }

  queue(from: number, block: number, to: number): number {
    return this.#queue + ((from * this.blocks + block) * this.ranks + to) * QUEUE * 2;
  }

  /** Places of a queue. */
  readonly queueLength = QUEUE;

  /** `flags[phase][block].raised[from]` in the head of `at`. */
  flag(at: number, phase: number, block: number, from: number): number {
    const shared = this.setting.fault === 'phases share a flag' ? 0 : phase;
    return this.#flag + ((at * PHASES + shared) * this.blocks + block) * this.ranks + from;
  }

  /** First cell of the buffer of an exchange in the workspace of `at`. */
  buffer(at: number, epoch: number): number {
    const parity = this.setting.fault === 'one buffer' ? 0 : epoch % BUFFERS;
    return this.#cell + (at * BUFFERS + parity) * this.cells;
  }

  /** All cells and flags of a head, from … to. */
  get flags(): readonly [number, number] {
    return [this.#flag, this.#cell];
  }

  get queues(): readonly [number, number] {
    return [this.#queue, this.#flag];
  }

  /**
   * Cells within a buffer that a block of `from` stores at each peer before the meeting of `phase`. Both kinds of exchange use
   * the same cells.
   */
  stored(choice: number, block: number, from: number, phase: number): readonly number[] {
    return this.#stored[((choice * this.blocks + block) * this.ranks + from) * PHASES + phase]!;
  }

  #cellsOf({ shot, blocks }: Exchange, block: number, from: number, phase: number): number[] {
    // Sums lie behind the slots.
    const slot = phase === 1 ? (this.ranks + from) * PIECES.two : from * PIECES[shot];
    const cells: number[] = [];
    for (let piece = block; piece < PIECES[shot]; piece += blocks) cells.push(slot + piece);
    return cells;
  }
}
