import {
  type Admission,
  type Backend,
  BackendError,
  canonicalJson,
  checkBackend,
  type Kernel,
  NEVER_DEVIATIONS,
  NUMERICS_FIELDS,
  type NumericsField,
  type StageKind,
  type StepRequest,
} from '@arfuse/contract';
import {
  type ConformanceCheck,
  type ConformanceReport,
  formatReport,
  RuleRecorder,
} from './report.ts';
import { requestGrid } from './requests.ts';
import { simulateOffer } from './simulate.ts';

/**
 * Rounding points that a kernel must state when it performs a stage. Attributes (weight bias and dtype, scale form, floor
 * and layout) are the site's: a kernel that cannot follow them refuses.
 */
const DECIDES: Readonly<Partial<Record<StageKind, readonly NumericsField[]>>> = {
  all_reduce: ['accumulate', 'reduceOrder', 'hopRounding', 'allReduceRounded'],
  pre_norm: ['preNormWeightMultiply'],
  norm: ['normInput', 'weightMultiply'],
  quant: ['quantInput', 'nan'],
};

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}

function describe(request: StepRequest): string {
  const stages = request.stages.map((stage) => stage.kind).join(' → ');
  return (
    `[${stages}] writing ${request.outputs.join(', ')}, hidden ${request.hidden}, ${request.dtype}, rows ` +
    `${request.rows.min}–${request.rows.max}, ${request.mode}, group of ${request.group.size} on ` +
    `${request.group.nodes} node(s), ${request.target.sku}`
  );
}

/** Runs a method of the kernel; an exception is a failure of the rule, not of the kit. */
function attempt<T>(call: () => T): { readonly value: T } | { readonly thrown: string } {
  try {
    return { value: call() };
  } catch (error) {
    return { thrown: error instanceof Error ? error.message : String(error) };
  }
}

class KernelRules {
  readonly #kernel: Kernel;
  readonly #repeatable: RuleRecorder;
  readonly #sentences: RuleRecorder;
  readonly #narrower: RuleRecorder;
  readonly #offers: RuleRecorder;
  readonly #numerics: RuleRecorder;
  readonly #workspace: RuleRecorder;
  readonly #collective: RuleRecorder;
  readonly #usable: RuleRecorder;
  readonly #arithmetic: RuleRecorder;
  readonly #simulated = new Set<string>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    const rule = (text: string): RuleRecorder => new RuleRecorder(text, kernel.id);
    this.#repeatable = rule('the same request gets the same answer, and is not changed');
    this.#sentences = rule('a refusal is one or more sentences');
    this.#narrower = rule('what is admitted for a row range is admitted for every part of it');
    this.#offers = rule('parameters are JSON scalars or lists of them');
    this.#numerics = rule(
      'the record of an offer has known fields, states its rounding points, and keeps the attributes of the site',
    );
    this.#workspace = rule(
      'workspace is a whole number of bytes that does not shrink with more rows',
    );
    this.#collective = rule('`collective` is true exactly for kernels that perform an all-reduce');
    this.#usable = rule('at least one request of the grid is admitted');
    this.#arithmetic = rule(
      'the declared record gives the right numbers: residual 0 ULP, norm ≤ 1 ULP, quantised bytes exact',
    );
  }

  ask(given: StepRequest): boolean {
    const request = freeze(given);
    const first = attempt(() => this.#kernel.admit(request));
    if ('thrown' in first) {
      this.#repeatable.record(
        `admit() threw "${first.thrown}" for ${describe(request)}; refuse with a sentence instead.`,
      );
      return false;
    }
    const second = this.#kernel.admit(request);
    this.#repeatable.record(
      canonicalJson(first.value) === canonicalJson(second)
        ? undefined
        : `two answers for ${describe(request)}.`,
    );
    if (!first.value.admitted) {
      this.#refusal(first.value, request);
      return false;
    }
    this.#admitted(request);
    return true;
  }

  #refusal(answer: Extract<Admission, { admitted: false }>, request: StepRequest): void {
    const reasons = answer.reasons;
    const good =
      Array.isArray(reasons) &&
      reasons.length > 0 &&
      reasons.every((reason) => typeof reason === 'string' && /\S+\s+\S+/.test(reason));
    this.#sentences.record(
      good ? undefined : `${canonicalJson(reasons ?? null)} for ${describe(request)}.`,
    );
  }

  #admitted(request: StepRequest): void {
    const hasAllReduce = request.stages.some((stage) => stage.kind === 'all_reduce');
    this.#collective.record(
      hasAllReduce === this.#kernel.collective
        ? undefined
        : `collective is ${this.#kernel.collective} for ${describe(request)}.`,
    );
    const { min, max } = request.rows;
    for (const rows of [
      { min, max: min },
      { min: max, max },
      { min, max: Math.floor((min + max) / 2) },
    ]) {
      const narrower = attempt(() => this.#kernel.admit({ ...request, rows }));
      const fine = 'value' in narrower && narrower.value.admitted;
      this.#narrower.record(
        fine
          ? undefined
          : `${describe(request)} is admitted, rows ${rows.min}–${rows.max} of it are not.`,
      );
    }
    const small = this.#kernel.workspace({ ...request, rows: { min, max: min } }).bytes;
    const large = this.#kernel.workspace(request).bytes;
    const whole =
      Number.isSafeInteger(small) && Number.isSafeInteger(large) && small >= 0 && small <= large;
    this.#workspace.record(
      whole
        ? undefined
        : `${small} bytes for ${min} rows, ${large} for ${max}: ${describe(request)}.`,
    );
    this.#offer(request);
  }

  #offer(request: StepRequest): void {
    const made = attempt(() => this.#kernel.offer(request));
    if ('thrown' in made) {
      this.#offers.record(`offer() threw "${made.thrown}" for ${describe(request)}.`);
      return;
    }
    const { params, numerics } = made.value;
    const again = this.#kernel.offer(request);
    this.#repeatable.record(
      canonicalJson(made.value) === canonicalJson(again)
        ? undefined
        : `two offers for ${describe(request)}.`,
    );
    const scalar = (value: unknown): boolean =>
      value === null || ['string', 'number', 'boolean'].includes(typeof value);
    const bad = Object.entries(params).find(
      ([, value]) => !scalar(value) && !(Array.isArray(value) && value.every(scalar)),
    );
    this.#offers.record(
      bad
        ? `parameter "${bad[0]}" is no scalar or list of scalars: ${describe(request)}.`
        : undefined,
    );
    const unknown = Object.keys(numerics).find(
      (key) => !(NUMERICS_FIELDS as readonly string[]).includes(key),
    );
    const missing = request.stages
      .flatMap((stage) => DECIDES[stage.kind] ?? [])
      .find((field) => numerics[field] === undefined);
    const changed = NEVER_DEVIATIONS.find(
      (field) => numerics[field] !== undefined && numerics[field] !== request.numerics[field],
    );
    const failure =
      unknown !== undefined
        ? `"${unknown}" is no field of the record.`
        : missing !== undefined
          ? `"${missing}" is not decided for ${describe(request)}.`
          : changed !== undefined
            ? `"${changed}" is ${String(numerics[changed])}, the site has ${String(request.numerics[changed])}: refuse ${describe(request)}.`
            : undefined;
    this.#numerics.record(failure);
    if (failure !== undefined) return;
    // One simulation per run of stages and record: the arithmetic does not depend on the box.
    const key = canonicalJson([
      request.stages,
      request.outputs,
      request.dtype,
      numerics,
      request.group.size,
    ]);
    if (this.#simulated.has(key)) return;
    this.#simulated.add(key);
    const simulated = attempt(() => simulateOffer(request, numerics));
    this.#arithmetic.record(
      'thrown' in simulated
        ? `simulation of ${describe(request)}: ${simulated.thrown}`
        : simulated.value,
    );
  }

  results(admitted: number): ConformanceCheck[] {
    this.#usable.record(
      admitted > 0
        ? undefined
        : 'every request of the grid was refused; is the kernel unreachable?',
    );
    return [
      this.#usable,
      this.#repeatable,
      this.#sentences,
      this.#narrower,
      this.#collective,
      this.#offers,
      this.#numerics,
      this.#workspace,
      this.#arithmetic,
    ].map((recorder) => recorder.result());
  }
}

/** What a backend is asked in addition. */
export interface ConformanceOptions {
  /** More requests than the built-in grid, e.g. shapes that only this backend serves. */
  readonly requests?: Iterable<StepRequest>;
}

/**
 * Holds a backend to the contract: answers are pure, refusals are sentences, offers are data, the declared numerics can
 * be executed and give the right numbers. Runs on the CPU; no driver is opened.
 */
export function checkConformance(
  backend: Backend,
  options: ConformanceOptions = {},
): ConformanceReport {
  const shape = new RuleRecorder(
    'the backend has the shape of specification version 1',
    backend.name,
  );
  const checked = attempt(() => checkBackend(backend));
  shape.record('thrown' in checked ? checked.thrown : undefined);
  const checks = [shape.result()];
  if (checks[0]!.passed) {
    for (const kernel of backend.kernels) {
      const rules = new KernelRules(kernel);
      let admitted = 0;
      for (const request of requestGrid()) if (rules.ask(request)) admitted += 1;
      for (const request of options.requests ?? []) if (rules.ask(request)) admitted += 1;
      checks.push(...rules.results(admitted));
    }
  }
  return { backend: backend.name, passed: checks.every((check) => check.passed), checks };
}

/**
 * {@link checkConformance} for a test: throws when a rule is broken.
 * @throws BackendError that lists every broken rule
 */
export function assertConformance(
  backend: Backend,
  options: ConformanceOptions = {},
): ConformanceReport {
  const report = checkConformance(backend, options);
  if (!report.passed) {
    throw new BackendError({
      message: formatReport({ ...report, checks: report.checks.filter((check) => !check.passed) }),
    });
  }
  return report;
}
