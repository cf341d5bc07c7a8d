import type { OutputBytes } from '@arfuse/runtime';
import type { PlannedLaunch } from './launches.ts';
import type { OpenedRanks } from './open-ranks.ts';

/** Makes launches on the ranks of this process in the mode that the plan says; captured steps are kept. */
export class Launcher {
  readonly #opened: OpenedRanks;
  /** Step ids in the order of the executors, by class and token count. */
  readonly #steps = new Map<string, readonly number[]>();

  constructor(opened: OpenedRanks) {
    this.#opened = opened;
  }

  /** Enqueues the launch `times` times at every rank. */
  async enqueue(launch: PlannedLaunch, times = 1): Promise<void> {
    const { ranks } = this.#opened;
    const { tokens, mode, site } = launch;
    const ids = mode === 'eager' ? await ranks.bindings(site.id) : await this.#captured(launch);
    for (let i = 0; i < times; i += 1)
      if (mode === 'eager') ranks.enqueue(ids, tokens);
      else ranks.enqueueStep(ids, tokens);
  }

  /** Poisons the outputs, makes the launch, and reads what it left. @param sizes - bytes of each output, by rank */
  async results(launch: PlannedLaunch, sizes: readonly OutputBytes[]): Promise<OutputBytes[]> {
    const { ranks } = this.#opened;
    await ranks.poison(launch.site.id);
    await this.enqueue(launch);
    await ranks.sync();
    return await ranks.read(launch.site.id, sizes);
  }

  async #captured({ site, tokens }: PlannedLaunch): Promise<readonly number[]> {
    const key = `${site.id} ${tokens}`;
    const known = this.#steps.get(key);
    if (known) return known;
    const { ranks } = this.#opened;
    const bindings = await ranks.bindings(site.id);
    const ids = await ranks.each((executor, index) => {
      const step = executor.defineStep([bindings[index]!]);
      executor.capture(step, [tokens]);
      return step;
    });
    this.#steps.set(key, ids);
    return ids;
  }
}
