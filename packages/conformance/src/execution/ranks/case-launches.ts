import { siteOf } from '../cases/execution-plan.ts';
import type { CaseLaunch } from './run-case.ts';
import type { Stand } from './stand.ts';

/** How the sites of a plan are launched: each is bound once, and captured for every token count that it is asked for. */
export class CaseLaunches {
  readonly #stand: Stand;
  readonly #known = new Map<number, CaseLaunch>();

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  /** @param index - of the combination in its plan */
  of(index: number, tokens: number): CaseLaunch {
    let launch = this.#known.get(index);
    if (!launch) {
      const bindings = this.#stand.bind(siteOf(index));
      launch = { bindings, steps: this.#stand.defineSteps(bindings) };
      this.#known.set(index, launch);
    }
    this.#stand.capture(launch.steps, tokens);
    return launch;
  }
}
