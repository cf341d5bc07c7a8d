import { opBase } from '@arfuse/graph';
import type { RawCall, RawResult } from '../call.ts';
import { states } from '../norms.ts';
import type { RawValue } from '../raw-value.ts';

/** Evaluates one call on one rank. */
export type Handler = (call: RawCall) => RawResult;

/** Handlers by op, without overload. */
export class OpTable {
  readonly #handlers = new Map<string, Handler>();

  /** Names separated by white space. */
  define(names: string, handler: Handler): void {
    for (const name of names.trim().split(/\s+/)) this.#handlers.set(name, handler);
  }

  /** `aten.x`, `torch.x` and the method `x`, which take the same arguments. */
  everywhere(names: string, handler: Handler): void {
    for (const name of names.trim().split(/\s+/))
      this.define(`aten.${name} torch.${name} method.${name}`, handler);
  }

  get(op: string): Handler | undefined {
    return this.#handlers.get(canonicalName(op));
  }

  names(): readonly string[] {
    return [...this.#handlers.keys()];
  }
}

/** Other names of one op: `torch.Tensor.add`, `_operator.add` and `x.__add__` are what `method` and `operator` are. */
function canonicalName(op: string): string {
  return opBase(op)
    .replace(/^torch\.Tensor\./, 'method.')
    .replace(/^_operator\./, 'operator.')
    .replace(/^(?:method|operator)\.__(\w+)__$/, 'operator.$1');
}

export const first = (call: RawCall): RawValue =>
  call.arg(0, 'self', 'input', 'x', 'a', 'tensor') ?? call.unsupported('it has no argument');

export const second = (call: RawCall): RawValue =>
  call.arg(1, 'other', 'exponent', 'b') ?? call.unsupported('it has no second argument');

export const required = (call: RawCall, position: number, keyword: string): number =>
  call.number(position, keyword) ?? call.unsupported(`argument "${keyword}" is no number`);

/** The handler of an in-place op: its result is the state of its first argument. */
export const withState =
  (handler: Handler): Handler =>
  (call) => {
    const { results } = handler(call);
    return { results, states: states([[0, 'self', 'input'], results[0]!]) };
  };
