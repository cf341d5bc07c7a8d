import { findStage, type IoDType } from '@arfuse/contract';
import type { Checker } from './checker.ts';
import { STREAMS } from './codes.ts';
import { type ExecutionCase, givenScale } from './expected.ts';
import type { BufferName, Stand } from './stand.ts';

/** Inputs in device memory, which all combinations of a shape share: filled when another seed or kind is asked for. */
export class ShapeInputs {
  readonly #stand: Stand;
  readonly #checker: Checker;
  readonly #dtype: IoDType;
  readonly #hidden: number;
  readonly #filled = new Map<string, string>();

  constructor(
    stand: Stand,
    checker: Checker,
    { dtype, hidden }: { readonly dtype: IoDType; readonly hidden: number },
  ) {
    this.#stand = stand;
    this.#checker = checker;
    this.#dtype = dtype;
    this.#hidden = hidden;
  }

  /** Nothing is taken to be as it was. */
  forget(): void {
    this.#filled.clear();
  }

  async fill(asked: ExecutionCase): Promise<void> {
    const { stages } = asked.site;
    const partials = findStage(stages, 'merge') ? 2 : 1;
    for (let rank = 0; rank < this.#stand.size; rank += 1) {
      for (let i = 0; i < partials; i += 1)
        await this.#fill(asked, rank, `partial ${i as 0 | 1}`, STREAMS.partial(rank, i));
      if (findStage(stages, 'residual'))
        await this.#fill(asked, rank, 'residual', STREAMS.residual);
      if (findStage(stages, 'norm')) await this.#fill(asked, rank, 'weight', STREAMS.weight);
      if (findStage(stages, 'bias')) await this.#fill(asked, rank, 'bias', STREAMS.bias);
      if (findStage(stages, 'pre_norm'))
        await this.#fill(asked, rank, 'preNormWeight', STREAMS.preNormWeight);
      const scale = givenScale(asked.site);
      if (scale !== undefined) await this.#scale(rank, scale);
    }
  }

  async #fill(
    { tokens, seed, kind }: ExecutionCase,
    rank: number,
    name: BufferName,
    stream: number,
  ): Promise<void> {
    const vector = stream >= STREAMS.weight;
    if (!this.#changes(rank, name, `${seed} ${kind} ${vector ? 1 : tokens}`)) return;
    await this.#checker.generate(this.#stand.place(rank, name), {
      dtype: this.#dtype,
      kind: vector ? 'vector' : kind,
      seed,
      stream,
      hidden: this.#hidden,
      row: 0,
      rows: vector ? 1 : tokens,
    });
  }

  async #scale(rank: number, value: number): Promise<void> {
    if (!this.#changes(rank, 'scale', String(value))) return;
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    await this.#checker.write(this.#stand.place(rank, 'scale'), bytes);
  }

  #changes(rank: number, name: BufferName, holds: string): boolean {
    const key = `${rank} ${name}`;
    if (this.#filled.get(key) === holds) return false;
    this.#filled.set(key, holds);
    return true;
  }
}
