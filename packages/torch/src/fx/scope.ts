import type { Binding } from './expression.ts';

/** Names of one function body. A name may be used again after it was freed. */
export class Scope {
  /** A binding, or the line on which the name was freed. */
  readonly #names = new Map<string, Binding | number>();

  get(name: string): Binding | undefined {
    const entry = this.#names.get(name);
    return typeof entry === 'number' ? undefined : entry;
  }

  bind(name: string, binding: Binding): void {
    this.#names.set(name, binding);
  }

  /** `name = None`: the name is gone from here on. */
  free(name: string, line: number): void {
    this.#names.set(name, line);
  }

  freedAt(name: string): number | undefined {
    const entry = this.#names.get(name);
    return typeof entry === 'number' ? entry : undefined;
  }
}
