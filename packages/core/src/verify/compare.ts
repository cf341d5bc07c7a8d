import type { DType, SiteOutput } from '@arfuse/contract';
import type { RefTensor } from '@arfuse/reference';
import type { ComparisonKind, Difference, OutputComparison } from './report.ts';
import { ulpsBetween } from './ulp.ts';

/** Largest distance that one element may have, given its ULP and its expected value. */
export type Allowance = (index: number, expected: number, rank: number) => number;

/** Gathers the comparisons of one output over token counts. */
export class OutputComparer {
  readonly #kind: ComparisonKind;
  readonly #output: SiteOutput;
  readonly #dtype: DType;
  readonly #bound: string;
  readonly #tokens: number[] = [];
  #maxUlps = 0;
  #maxRelative = 0;
  #worst: Difference | undefined;

  constructor(kind: ComparisonKind, output: SiteOutput, dtype: DType, bound: string) {
    this.#kind = kind;
    this.#output = output;
    this.#dtype = dtype;
    this.#bound = bound;
  }

  /**
   * Compares the tensors of every rank; `allowance` is an absolute distance per element, equal for ranks that share both
   * tensors.
   */
  add(
    tokens: number,
    expected: readonly RefTensor[],
    found: readonly RefTensor[],
    allowance: Allowance,
  ): void {
    this.#tokens.push(tokens);
    const compared = new Map<RefTensor, RefTensor>();
    expected.forEach((tensor, rank) => {
      const other = found[rank];
      if (other && compared.get(tensor) === other) return;
      if (other) compared.set(tensor, other);
      if (!other || other.data.length !== tensor.data.length) {
        this.#fail({
          rank,
          row: 0,
          column: 0,
          expected: tensor.data.length,
          found: other?.data.length ?? 0,
          ulps: Number.POSITIVE_INFINITY,
        });
        return;
      }
      this.#compare(rank, tensor, other, allowance);
    });
  }

  #compare(rank: number, tensor: RefTensor, other: RefTensor, allowance: Allowance): void {
    const columns = tensor.shape.at(-1) ?? 1;
    for (let i = 0; i < tensor.data.length; i += 1) {
      const expected = tensor.data[i]!;
      const found = other.data[i]!;
      if (expected === found || (expected !== expected && found !== found)) continue;
      const ulps = ulpsBetween(this.#dtype, expected, found);
      if (ulps > this.#maxUlps) this.#maxUlps = ulps;
      const relative = Math.abs(found - expected) / Math.abs(expected);
      if (relative > this.#maxRelative) this.#maxRelative = relative;
      // Written so that a NaN on either side is beyond every bound.
      if (!(Math.abs(found - expected) <= allowance(i, expected, rank))) {
        this.#fail({
          rank,
          row: Math.floor(i / columns),
          column: i % columns,
          expected,
          found,
          ulps,
        });
      }
    }
  }

  #fail(difference: Difference): void {
    this.#maxUlps = Math.max(this.#maxUlps, difference.ulps);
    if (!this.#worst || difference.ulps > this.#worst.ulps) this.#worst = difference;
  }

  result(): OutputComparison {
    const worst = this.#worst;
    return {
      kind: this.#kind,
      output: this.#output,
      tokens: this.#tokens,
      passed: worst === undefined,
      maxUlps: this.#maxUlps,
      maxRelative: this.#maxRelative,
      bound: this.#bound,
      ...(worst ? { worst } : {}),
    };
  }
}
