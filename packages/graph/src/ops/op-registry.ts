import { opBase } from './op-name.ts';

/**
 * What no text format says about an op. Parameters are in schema order and serve to find an argument that may
 * be given by position or by keyword.
 */
export interface OpInfo {
  /** With or without overload; an entry with the overload wins. */
  readonly name: string;
  readonly params?: readonly string[];
  /**
   * Parameters that the op changes in place, in schema order: `auto_functionalized` returns their states in it. A name
   * that is not in `params` is another spelling of the one before it.
   */
  readonly writes?: readonly string[];
  /** Parameter whose storage the result shares (views), and every item of a tuple of results (`split`). */
  readonly aliases?: string;
  /** Declared number of results; needed to place `auto_functionalized` results. */
  readonly returns?: number;
  /**
   * `view`: the same elements in the same order, other shape · `same`: the same tensor again (alias, detach, wait) ·
   * `check`: an assertion without result · `shape`: reads only shape or metadata of its argument.
   */
  readonly role?: 'view' | 'same' | 'check' | 'shape';
}

/** Op facts by name, with the naming rule of in-place ops as the last resort. Immutable. */
export class OpRegistry {
  readonly #byName: ReadonlyMap<string, OpInfo>;

  constructor(infos: Iterable<OpInfo>) {
    const byName = new Map<string, OpInfo>();
    for (const info of infos) byName.set(info.name, info);
    this.#byName = byName;
  }

  get(op: string): OpInfo | undefined {
    return this.#byName.get(op) ?? this.#byName.get(opBase(op));
  }

  /** A registry with more entries; later entries win. */
  with(infos: Iterable<OpInfo>): OpRegistry {
    return new OpRegistry([...this.#byName.values(), ...infos]);
  }

  /**
   * Whether an op of an unknown schema changes its first argument by the naming rule: one trailing
   * underscore (`add_`, `masked_fill_`), or an in-place operator (`operator.iadd`).
   */
  static writesFirstByName(op: string): boolean {
    const base = opBase(op);
    const name = base.slice(base.lastIndexOf('.') + 1);
    if (base.startsWith('operator.'))
      return /^i(add|sub|mul|truediv|floordiv|mod|pow|matmul|and|or|xor|lshift|rshift)$/.test(name);
    return name.length > 1 && name.endsWith('_') && !name.endsWith('__');
  }
}
