/** What repetitions behind producers found of one kernel. */
export interface ProducerCount {
  readonly kernel: string;
  /** Whether the kernel may start before its producer ends; null for a kernel that has no such choice. */
  readonly pdl: boolean | null;
  readonly cases: number;
  /** Repetitions that were checked, launched eagerly, and as a graph that holds producer and site. */
  readonly eager: number;
  readonly graph: number;
  /** Repetitions of which anything was wrong. */
  readonly faulty: number;
  /** The first of them, in words. */
  readonly faults: readonly string[];
}

/** What {@link checkProducers} found. */
export interface ProducerReport {
  readonly passed: boolean;
  readonly seed: number;
  /** Whether every shape was run; otherwise `next` names the first that was not. */
  readonly complete: boolean;
  readonly next?: string;
  readonly kernels: readonly ProducerCount[];
  readonly seconds: number;
}

const KEPT = 6;

/** Collects what repetitions found, by kernel and by whether it overlaps. */
export class ProducerRecorder {
  readonly #seed: number;
  readonly #begun = performance.now();
  readonly #counts = new Map<string, ProducerCount>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Notes a case, which may then be repeated. */
  case(kernel: string, pdl: boolean | null): void {
    this.#change(kernel, pdl, ({ cases }) => ({ cases: cases + 1 }));
  }

  /** @param found - what was wrong, in words; the first sentence is kept */
  repetition(
    kernel: string,
    pdl: boolean | null,
    how: 'eager' | 'graph',
    found: readonly string[],
  ): void {
    this.#change(kernel, pdl, (count) => ({ [how]: count[how] + 1 }));
    if (found.length > 0) this.fault(kernel, pdl, found[0]!);
  }

  fault(kernel: string, pdl: boolean | null, found: string): void {
    this.#change(kernel, pdl, ({ faulty, faults }) => ({
      faulty: faulty + 1,
      faults: faults.length < KEPT ? [...faults, found] : faults,
    }));
  }

  report(next: string | undefined): ProducerReport {
    const kernels = [...this.#counts.values()];
    return {
      passed: kernels.length > 0 && kernels.every(({ faulty, eager }) => faulty === 0 && eager > 0),
      seed: this.#seed,
      complete: next === undefined,
      ...(next === undefined ? {} : { next }),
      kernels,
      seconds: Math.round((performance.now() - this.#begun) / 100) / 10,
    };
  }

  #change(
    kernel: string,
    pdl: boolean | null,
    change: (count: ProducerCount) => Partial<ProducerCount>,
  ): void {
    const key = `${kernel} ${pdl}`;
    const none = { kernel, pdl, cases: 0, eager: 0, graph: 0, faulty: 0, faults: [] };
    const count = this.#counts.get(key) ?? none;
    this.#counts.set(key, { ...count, ...change(count) });
  }
}

/** The report as lines of text. */
export function formatProducerReport(report: ProducerReport): string {
  const { kernels, seconds, seed, passed, next } = report;
  return [
    ...kernels.flatMap(({ kernel, pdl, cases, eager, graph, faulty, faults }) => [
      `${faulty === 0 ? 'ok  ' : 'FAIL'} ${kernel}${pdl === null ? '' : `, PDL ${pdl ? 'on' : 'off'}`}: ${cases} cases, ${eager} eager and ${graph} graph repetitions, ${faulty} of them wrong`,
      ...faults.map((fault) => `     ${fault}`),
    ]),
    `behind producers in ${seconds} s, seed ${seed}: ${passed ? 'passed' : 'failed'}${
      next === undefined ? '' : `, not complete; go on at "${next}"`
    }`,
  ].join('\n');
}
