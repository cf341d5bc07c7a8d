import type { SiteOutput } from '@arfuse/contract';
import type { Bound } from '../judging/bounds.ts';
import { type Distances, ULP_CLASSES } from '../judging/distances.ts';
import { EXECUTION_RULES, type ExecutionRule, type Fault } from '../judging/rules.ts';

/** One rule over all cases. */
export interface ExecutionCheck {
  readonly rule: ExecutionRule;
  readonly text: string;
  /** Cases that the rule could have failed. */
  readonly cases: number;
  readonly broken: number;
  /** The first failures with their cases. */
  readonly faults: readonly string[];
}

/** How far a result of a kernel's chains was from what its record says. */
export interface DistanceCount {
  readonly kernel: string;
  readonly output: SiteOutput;
  readonly allowedUlps: number;
  readonly why: string;
  /** Elements by distance in ULP: `0`, `1`, `2`, `≤4`, … */
  readonly elements: Readonly<Record<string, number>>;
}

/** What the execution kit found. */
export interface ExecutionReport {
  readonly passed: boolean;
  readonly seed: number;
  /** Whether every case was run; otherwise `next` names the first that was not. */
  readonly complete: boolean;
  readonly next?: string;
  readonly cases: number;
  readonly launches: number;
  readonly elements: number;
  readonly checks: readonly ExecutionCheck[];
  readonly distances: readonly DistanceCount[];
  /** Combinations that kernels refuse, with numbers left out of the reasons. */
  readonly refused: readonly {
    readonly kernel: string;
    readonly reason: string;
    readonly count: number;
  }[];
  readonly seconds: number;
}

/** Failures that are kept in words. */
const KEPT = 12;

const className = (at: number): string => {
  const most = ULP_CLASSES[at];
  if (most === undefined) return `>${ULP_CLASSES.at(-1)}`;
  return most <= 2 ? String(most) : `≤${most}`;
};

/** Collects what cases found. */
export class ExecutionRecorder {
  readonly #seed: number;
  readonly #begun = performance.now();
  readonly #tried = new Map<ExecutionRule, number>();
  readonly #broken = new Map<ExecutionRule, string[]>();
  readonly #counts = new Map<ExecutionRule, number>();
  readonly #refused = new Map<string, { kernel: string; reason: string; count: number }>();
  readonly #distances = new Map<
    string,
    { kernel: string; output: SiteOutput; bound: Bound; classes: number[] }
  >();
  #cases = 0;
  #launches = 0;
  #elements = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get failed(): boolean {
    return this.#counts.size > 0;
  }

  refuse(kernel: string, reasons: readonly string[]): void {
    for (const text of reasons) {
      const reason = text.replace(/\d[\d,.]*\d|\d/g, 'n');
      const key = `${kernel} ${reason}`;
      const known = this.#refused.get(key) ?? { kernel, reason, count: 0 };
      known.count += 1;
      this.#refused.set(key, known);
    }
  }

  distance(kernel: string, output: SiteOutput, bound: Bound, { histogram }: Distances): void {
    const key = `${kernel} ${output} ${bound.ulps}`;
    const known = this.#distances.get(key) ?? {
      kernel,
      output,
      bound,
      classes: new Array<number>(ULP_CLASSES.length + 1).fill(0),
    };
    histogram.forEach((count, at) => {
      known.classes[at]! += count;
    });
    this.#distances.set(key, known);
  }

  /** @param rules - what the case could have broken */
  record(
    name: string,
    rules: readonly ExecutionRule[],
    faults: readonly Fault[],
    launches: number,
    elements: number,
  ): void {
    this.#cases += 1;
    this.#launches += launches;
    this.#elements += elements;
    for (const rule of rules) this.#tried.set(rule, (this.#tried.get(rule) ?? 0) + 1);
    for (const { rule, found } of faults) {
      this.#counts.set(rule, (this.#counts.get(rule) ?? 0) + 1);
      const kept = this.#broken.get(rule) ?? [];
      if (kept.length < KEPT) kept.push(`${name}: ${found}.`);
      this.#broken.set(rule, kept);
    }
  }

  report(next: string | undefined): ExecutionReport {
    return {
      passed: !this.failed && this.#cases > 0,
      seed: this.#seed,
      complete: next === undefined,
      ...(next === undefined ? {} : { next }),
      cases: this.#cases,
      launches: this.#launches,
      elements: this.#elements,
      checks: (Object.keys(EXECUTION_RULES) as ExecutionRule[]).map((rule) => ({
        rule,
        text: EXECUTION_RULES[rule],
        cases: this.#tried.get(rule) ?? 0,
        broken: this.#counts.get(rule) ?? 0,
        faults: this.#broken.get(rule) ?? [],
      })),
      distances: [...this.#distances.values()].map(({ kernel, output, bound, classes }) => ({
        kernel,
        output,
        allowedUlps: bound.ulps,
        why: bound.why,
        elements: Object.fromEntries(
          classes.flatMap((count, at) => (count > 0 ? [[className(at), count]] : [])),
        ),
      })),
      refused: [...this.#refused.values()].sort((a, b) => b.count - a.count),
      seconds: Math.round((performance.now() - this.#begun) / 100) / 10,
    };
  }
}

/** The report as lines of text. */
export function formatExecutionReport(report: ExecutionReport): string {
  const { cases, launches, elements, seconds, seed } = report;
  return [
    ...report.checks.flatMap(({ text, cases: tried, broken, faults }) => [
      `${tried === 0 ? 'none' : broken === 0 ? 'ok  ' : 'FAIL'} ${text} (${tried} cases${broken > 0 ? `, ${broken} break it` : ''})`,
      ...faults.map((fault) => `     ${fault}`),
    ]),
    ...report.distances.map(({ kernel, output, allowedUlps, elements: of }) => {
      const counts = Object.entries(of).map(([ulps, count]) => `${count} at ${ulps}`);
      return `     ${kernel} "${output}", ${allowedUlps} ULP allowed: ${counts.join(', ')}`;
    }),
    ...report.refused.map(
      ({ kernel, reason, count }) => `refused ${count} times: ${kernel} ${reason}`,
    ),
    `${cases} cases, ${launches} launches, ${elements} elements of results in ${seconds} s, seed ${seed}: ${report.passed ? 'passed' : 'failed'}${
      report.next === undefined ? '' : `, not complete; go on at "${report.next}"`
    }`,
  ].join('\n');
}
