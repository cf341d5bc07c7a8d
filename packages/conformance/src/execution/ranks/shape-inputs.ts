import { type ExecutionCase, givenScale } from '../cases/expected.ts';
import type { Checker } from '../judging/checker.ts';
import { caseTensors } from './case-tensors.ts';
import type { BufferName, Stand } from './stand.ts';

/** Inputs in device memory, which all combinations of a shape share: filled when another seed or kind is asked for. */
export class ShapeInputs {
  readonly #stand: Stand;
  readonly #checker: Checker;
  readonly #filled = new Map<string, string>();

  constructor(stand: Stand, checker: Checker) {
    this.#stand = stand;
    this.#checker = checker;
  }

  /** Nothing is taken to be as it was. */
  forget(): void {
    this.#filled.clear();
  }

  async fill(asked: ExecutionCase): Promise<void> {
    for (let rank = 0; rank < this.#stand.size; rank += 1)
      for (const { name, spec } of caseTensors(asked, rank)) {
        if (!this.#changes(rank, name, `${spec.seed} ${spec.kind} ${spec.rows}`)) continue;
        await this.#checker.generate(this.#stand.place(rank, name), spec);
      }
    await this.fillScale(asked);
  }

  /** The scale alone, where the site is given one. */
  async fillScale({ site }: ExecutionCase): Promise<void> {
    const value = givenScale(site);
    if (value === undefined) return;
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    for (let rank = 0; rank < this.#stand.size; rank += 1)
      if (this.#changes(rank, 'scale', String(value)))
        await this.#checker.write(this.#stand.place(rank, 'scale'), bytes);
  }

  #changes(rank: number, name: BufferName, holds: string): boolean {
    const key = `${rank} ${name}`;
    if (this.#filled.get(key) === holds) return false;
    this.#filled.set(key, holds);
    return true;
  }
}
