/** One rule that a backend was held to. */
export interface ConformanceCheck {
  /** Short name such as `admission is repeatable`. */
  readonly rule: string;
  /** Kernel id, or the backend's name for rules about the whole. */
  readonly subject: string;
  readonly passed: boolean;
  /** How many cases were tried; 0 when nothing that came before let the rule be tried. */
  readonly cases: number;
  /** The first failure, in words; absent when it passed. */
  readonly failure?: string;
}

/** What the kit found. */
export interface ConformanceReport {
  readonly backend: string;
  readonly passed: boolean;
  readonly checks: readonly ConformanceCheck[];
}

/** Collects cases of one rule and keeps the first failure. */
export class RuleRecorder {
  readonly #rule: string;
  readonly #subject: string;
  #cases = 0;
  #failure: string | undefined;

  constructor(rule: string, subject: string) {
    this.#rule = rule;
    this.#subject = subject;
  }

  /** Records one case; `failure` is undefined when it holds. */
  record(failure: string | undefined): void {
    this.#cases += 1;
    this.#failure ??= failure;
  }

  result(): ConformanceCheck {
    return {
      rule: this.#rule,
      subject: this.#subject,
      passed: this.#failure === undefined,
      cases: this.#cases,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    };
  }
}

/** The report as lines of text. */
export function formatReport(report: ConformanceReport): string {
  const lines = report.checks.map(
    (check) =>
      `${check.cases === 0 ? 'none' : check.passed ? 'ok  ' : 'FAIL'} ${check.subject}: ${check.rule} (${check.cases} cases)${
        check.failure ? `\n     ${check.failure}` : ''
      }`,
  );
  return [`${report.backend}: ${report.passed ? 'conforms' : 'does not conform'}`, ...lines].join(
    '\n',
  );
}
