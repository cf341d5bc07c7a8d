import { type DType, UnsupportedError } from '@arfuse/contract';
import { DEFAULT_OPS, type Node } from '@arfuse/graph';
import type { RefTensor } from '../tensor/ref-tensor.ts';
import type { Arithmetic } from './mode.ts';
import { dtypeOf, isList, isTensor, type RawValue } from './raw-value.ts';

/** What a call gives: its results, and the states of arguments that it changes. */
export interface RawResult {
  readonly results: readonly RawValue[];
  /** By position or keyword of the argument. */
  readonly states?: ReadonlyMap<number | string, RawValue>;
}

/** One node on one rank, with its arguments evaluated. */
export class RawCall {
  readonly node: Node;
  readonly arithmetic: Arithmetic;
  readonly args: readonly RawValue[];
  readonly kwargs: Readonly<Record<string, RawValue>>;

  constructor(
    node: Node,
    args: readonly RawValue[],
    kwargs: Readonly<Record<string, RawValue>>,
    arithmetic: Arithmetic,
  ) {
    this.node = node;
    this.args = args;
    this.kwargs = kwargs;
    this.arithmetic = arithmetic;
  }

  /** @throws UnsupportedError naming op and node */
  unsupported(what: string): never {
    throw new UnsupportedError({
      message: `the raw evaluator cannot evaluate node "${this.node.name}" (${this.node.op}): ${what}.`,
      hint: 'Nothing is guessed: add the form to packages/reference/src/raw with golden values.',
      ...(this.node.provenance.line === undefined
        ? {}
        : { place: { line: this.node.provenance.line } }),
      details: { op: this.node.op, node: this.node.name },
    });
  }

  /** Argument by position, or by any of the given keywords. */
  arg(position: number, ...keywords: readonly string[]): RawValue | undefined {
    for (const keyword of keywords) {
      const given = this.kwargs[keyword];
      if (given !== undefined) return given;
    }
    return this.args[position];
  }

  /** Argument of a schema parameter: by keyword, by position in the op registry, or through `_all_bases`. */
  param(name: string, ...aliases: readonly string[]): RawValue | undefined {
    for (const key of [name, ...aliases]) {
      if (this.kwargs[key] !== undefined) return this.kwargs[key];
      const index = this.kwargs[`_${key}_base_index`];
      const bases = this.kwargs._all_bases;
      if (typeof index === 'number' && isList(bases)) return bases[index];
    }
    const { params } = DEFAULT_OPS.get(this.node.op) ?? {};
    const own = [name, ...aliases].find((key) => params?.includes(key));
    return own === undefined ? undefined : this.args[params!.indexOf(own)];
  }

  tensor(position: number, ...keywords: readonly string[]): RefTensor {
    const value = this.arg(position, ...keywords);
    return isTensor(value) ? value : this.unsupported(`argument ${position} is no tensor`);
  }

  tensorParam(name: string, ...aliases: readonly string[]): RefTensor {
    const value = this.param(name, ...aliases);
    return isTensor(value) ? value : this.unsupported(`argument "${name}" is no tensor`);
  }

  numberParam(name: string, ...aliases: readonly string[]): number {
    const value = this.param(name, ...aliases);
    return typeof value === 'number' ? value : this.unsupported(`argument "${name}" is no number`);
  }

  number(position: number, ...keywords: readonly string[]): number | undefined {
    const value = this.arg(position, ...keywords);
    return typeof value === 'number' ? value : undefined;
  }

  /** Integers of a list, or a single one. */
  numbers(position: number, ...keywords: readonly string[]): number[] | undefined {
    const value = this.arg(position, ...keywords);
    if (typeof value === 'number') return [value];
    if (!isList(value)) return undefined;
    return value.map((item) =>
      typeof item === 'number' ? item : this.unsupported('a size is no number'),
    );
  }

  /** Integers given as one list, or as the rest of the arguments: `view(x, [2, 3])` and `x.view(2, 3)`. */
  sizes(position: number, ...keywords: readonly string[]): number[] | undefined {
    const value = this.arg(position, ...keywords);
    if (typeof value !== 'number') return this.numbers(position, ...keywords);
    const named = keywords.some((keyword) => this.kwargs[keyword] !== undefined);
    if (named) return [value];
    return this.args
      .slice(position)
      .map((item) => (typeof item === 'number' ? item : this.unsupported('a size is no number')));
  }

  /** Whether an argument is written as an integer: Python's `2` and `2.0` differ in the dtype that they give. */
  isInteger(position: number, keyword: string): boolean {
    const arg = this.node.kwargs[keyword] ?? this.node.args[position];
    return (
      arg !== undefined && arg.kind !== 'float' && Number.isInteger(this.arg(position, keyword))
    );
  }

  flag(position: number, keyword: string): boolean {
    const value = this.arg(position, keyword);
    return value === true || value === 1;
  }

  /** The dtype among the arguments. */
  dtype(): DType | undefined {
    return (
      dtypeOf(this.kwargs.dtype) ?? this.args.map(dtypeOf).find((dtype) => dtype !== undefined)
    );
  }
}

/** One result and no changed argument. */
export function one(value: RawValue): RawResult {
  return { results: [value] };
}
