import { openCudaDevice } from '@arfuse/native';
import { createExecutor, LocalRanks, openLocalGroup } from '@arfuse/runtime';
import { hostChain } from './host-chain.mjs';
import { BACKENDS } from './open-ranks.mjs';
import { rankPlan } from './rank-plan.mjs';

/** @typedef {import('./bare-harness.mjs').FusionCase} FusionCase */
/** @typedef {import('@arfuse/runtime').OutputBytes} OutputBytes */

/** Launches of a graph, rounds before the first that counts, and what a round waits behind: as in the harness. */
const LAUNCHES = 20;
const WARM_UPS = 3;
const GATE_BYTES = 512 * 2 ** 20;
const GATE_COPIES = 3;

/** The case's launches through arfuse's executors, whose ranks share the first GPU. */
export class FusionSpeed {
  #close;
  #executors;
  #steps;
  #streams;
  #device;
  #tokens;

  /**
   * Opens the ranks, and checks a launch on fresh inputs.
   *
   * @param {FusionCase} fusion
   * @param {{ capability: number, arithmetic: import('@arfuse/native').NativeArithmetic, seed: number }} given
   */
  static async open({ size, hidden, tokens, shot }, { capability, arithmetic, seed }) {
    const made = rankPlan({
      chain: 'add + norm',
      dtype: 'bf16',
      hidden,
      size,
      tokens: [tokens],
      collective: `@arfuse/flashinfer/${shot}`,
      backends: BACKENDS,
      capability,
    });
    if ('reasons' in made) throw new Error(made.reasons?.join(' '));
    const { plan, site, segment } = made;
    const device = openCudaDevice(0);
    const groups = await openLocalGroup({
      devices: Array.from({ length: size }, () => 0),
      ranksPerDevice: size,
    });
    const streams = groups.map(() => device.createStream());
    const executors = await Promise.all(
      groups.map((group, rank) =>
        createExecutor(plan, group, {
          device,
          backends: BACKENDS,
          ranksPerDevice: size,
          .../** @type {{ stream: import('@arfuse/contract').DeviceStream }} */ ({
            stream: streams[rank],
          }),
        }),
      ),
    );
    const ranks = new LocalRanks(executors);
    const { inputs, expected } = hostChain(arithmetic, site, segment.numerics, {
      ranks: size,
      rows: tokens,
      seed,
    });
    await ranks.fill('c0', inputs);
    await ranks.launch('c0', tokens);
    const found = await ranks.read(
      'c0',
      Array.from({ length: size }, () => expected),
    );
    for (const [rank, results] of found.entries()) {
      const fault = wrong(results, expected);
      if (fault !== undefined) throw new Error(`rank ${rank}: ${fault} (seed ${seed})`);
    }
    const ids = await ranks.bindings('c0');
    const steps = await ranks.each((executor, rank) => {
      const step = executor.defineStep(
        Array.from({ length: LAUNCHES }, () => /** @type {number} */ (ids[rank])),
      );
      executor.capture(step, [tokens]);
      return step;
    });
    const close = async () => {
      await ranks.close();
      await Promise.all(groups.map((group) => group.close()));
    };
    return new FusionSpeed({ close, executors, steps, streams, device, tokens });
  }

  /**
   * @param {{ close: () => Promise<void>, executors: readonly import('@arfuse/runtime').Executor[], steps: readonly number[],
   *   streams: readonly import('@arfuse/contract').DeviceStream[], device: import('@arfuse/contract').Device, tokens: number }} parts
   */
  constructor({ close, executors, steps, streams, device, tokens }) {
    this.#close = close;
    this.#executors = executors;
    this.#steps = steps;
    this.#streams = streams;
    this.#device = device;
    this.#tokens = tokens;
  }

  /**
   * @param {number} rounds
   * @returns {Promise<number[]>} microseconds of a launch, from the moment at which all ranks may begin to the last one's end
   */
  async measure(rounds) {
    const device = this.#device;
    const [from, to] = [device.allocate(GATE_BYTES), device.allocate(GATE_BYTES)];
    const place = (/** @type {import('@arfuse/contract').DeviceMemory} */ memory) => ({
      memory,
      offset: 0,
    });
    const start = device.createEvent();
    const ends = this.#streams.map(() => device.createEvent());
    const us = [];
    for (let round = -WARM_UPS; round < rounds; round += 1) {
      const [first, ...others] = this.#streams;
      for (let copy = 0; copy < GATE_COPIES; copy += 1)
        first?.copy(place(to), place(from), GATE_BYTES);
      first?.record(start);
      for (const stream of others) stream.wait(start);
      for (const [rank, executor] of this.#executors.entries()) {
        executor.enqueue(/** @type {number} */ (this.#steps[rank]), this.#tokens);
        this.#streams[rank]?.record(
          /** @type {import('@arfuse/contract').DeviceEvent} */ (ends[rank]),
        );
      }
      await Promise.all(this.#executors.map((executor) => executor.sync()));
      const longest = Math.max(...ends.map((end) => end.elapsed(start)));
      if (round >= 0) us.push((longest * 1000) / LAUNCHES);
    }
    from.close();
    to.close();
    return us;
  }

  /** Closes the executors and their group. */
  close() {
    return this.#close();
  }
}

/**
 * What is wrong with results: the sum is the host's, bit by bit, and the norm one step off at most.
 *
 * @param {OutputBytes} found
 * @param {OutputBytes} expected
 */
function wrong(found, expected) {
  const codes = (/** @type {OutputBytes} */ of, /** @type {'residual' | 'norm'} */ name) => {
    const bytes = of[name] ?? new Uint8Array();
    return new Uint16Array(bytes.slice().buffer);
  };
  for (const [name, most] of /** @type {const} */ ([
    ['residual', 0],
    ['norm', 1],
  ])) {
    const [a, b] = [codes(found, name), codes(expected, name)];
    if (a.length !== b.length || a.length === 0) return `"${name}" is missing`;
    const at = b.findIndex((code, i) => Math.abs(code - (a[i] ?? Number.NaN)) > most);
    if (at >= 0) return `"${name}" differs at ${at}: ${a[at]}, not ${b[at]}`;
  }
  return undefined;
}
