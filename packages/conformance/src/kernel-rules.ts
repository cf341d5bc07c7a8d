import {
  type Admission,
  canonicalJson,
  formatStages,
  type Kernel,
  type KernelOffer,
  type StepRequest,
} from '@arfuse/contract';
import { parameterFault, recordFault } from './offer-faults.ts';
import { type ConformanceCheck, RuleRecorder } from './report.ts';
import { simulateOffer } from './simulate.ts';

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) freeze(member);
  }
  return value;
}

function describe(request: StepRequest): string {
  return (
    `[${formatStages(request.stages)}] writing ${request.outputs.join(', ')}, hidden ${request.hidden}, ${request.dtype}, ` +
    `rows ${request.rows.min}–${request.rows.max}, ${request.mode}, group of ${request.group.size} on ` +
    `${request.group.nodes} node(s), ${request.target.sku}`
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isSentence(reason: unknown): boolean {
  return typeof reason === 'string' && /\S+\s+\S+/.test(reason);
}

/** Whether two admissions say the same; cheaper than their JSON, and any values will do. */
function sameAdmission(left: Admission, right: Admission): boolean {
  if (left.admitted || right.admitted) return left.admitted === right.admitted;
  return (
    left.reasons?.length === right.reasons?.length &&
    (left.reasons ?? []).every((reason, i) => reason === right.reasons[i])
  );
}

/** The rules for one kernel. It may do anything, throwing included: that breaks a rule, never the kit. */
export class KernelRules {
  readonly #kernel: Kernel;
  readonly #usable: RuleRecorder;
  readonly #answers: RuleRecorder;
  readonly #repeatable: RuleRecorder;
  readonly #sentences: RuleRecorder;
  readonly #narrower: RuleRecorder;
  readonly #collective: RuleRecorder;
  readonly #offers: RuleRecorder;
  readonly #numerics: RuleRecorder;
  readonly #workspace: RuleRecorder;
  readonly #arithmetic: RuleRecorder;
  readonly #simulated = new Set<string>();
  #admitted = 0;
  #refused = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    const rule = (text: string): RuleRecorder => new RuleRecorder(text, kernel.id);
    this.#usable = rule('at least one request of the grid is admitted');
    this.#answers = rule(
      'admit(), offer() and workspace() answer at once, throw nothing, and leave the request alone',
    );
    this.#repeatable = rule('the same request gets the same answer');
    this.#sentences = rule('a refusal is one or more sentences');
    this.#narrower = rule('what is admitted for a row range is admitted for every part of it');
    this.#collective = rule('`collective` is true exactly for kernels that perform an all-reduce');
    this.#offers = rule('parameters are JSON scalars or lists of them');
    this.#numerics = rule(
      'the record of an offer has known fields and values, states its rounding points, and keeps the attributes of the site',
    );
    this.#workspace = rule(
      'workspace is a whole number of bytes that does not shrink with more rows',
    );
    this.#arithmetic = rule(
      'the declared record can be executed and agrees with an oracle: sums 0 ULP, norm ≤ 1 ULP (f32: 16), quantised values exact given the stored norm',
    );
  }

  /** Asks the kernel everything about one request. */
  ask(given: StepRequest): void {
    const request = freeze(given);
    const first = this.#admit(request);
    const second = first && this.#admit(request);
    if (!first || !second) return;
    this.#repeatable.record(
      sameAdmission(first, second) ? undefined : `two answers for ${describe(request)}.`,
    );
    if (first.admitted) {
      this.#admitted += 1;
      this.#checkNarrower(request);
      this.#checkCollective(request);
      this.#checkWorkspace(request);
      this.#checkOffer(request);
      return;
    }
    this.#refused += 1;
    const { reasons } = first;
    const good = Array.isArray(reasons) && reasons.length > 0 && reasons.every(isSentence);
    this.#sentences.record(
      good
        ? undefined
        : `the reasons are ${Array.isArray(reasons) ? `[${reasons.map(String).join('; ')}]` : String(reasons)} for ${describe(request)}.`,
    );
  }

  results(): ConformanceCheck[] {
    // A kernel that never answers breaks another rule.
    if (this.#admitted + this.#refused > 0) {
      this.#usable.record(
        this.#admitted > 0
          ? undefined
          : `all ${this.#refused} requests were refused; is the kernel unreachable?`,
      );
    }
    return [
      this.#usable,
      this.#answers,
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

  /** An answer of the kernel, or undefined when it threw or answered with something else. */
  #call<T>(
    method: 'admit' | 'offer' | 'workspace',
    request: StepRequest,
    call: () => T,
    isAnswer: (answer: T) => boolean,
  ): T | undefined {
    let failure: string | undefined;
    let answer: T | undefined;
    try {
      answer = call();
      if (!isAnswer(answer))
        failure = `${method}() gave back ${Object.prototype.toString.call(answer)}, which is no answer`;
    } catch (error) {
      failure = `${method}() threw "${messageOf(error)}"`;
    }
    this.#answers.record(failure && `${failure}, for ${describe(request)}.`);
    return failure === undefined ? answer : undefined;
  }

  #admit(request: StepRequest): Admission | undefined {
    return this.#call(
      'admit',
      request,
      () => this.#kernel.admit(request),
      (answer) => typeof answer?.admitted === 'boolean',
    );
  }

  #checkNarrower(request: StepRequest): void {
    const { min, max } = request.rows;
    const middle = Math.floor((min + max) / 2);
    for (const [from, to] of [
      [min, min],
      [max, max],
      [min, middle],
    ] as const) {
      const answer = this.#admit(freeze({ ...request, rows: { min: from, max: to } }));
      if (!answer) continue;
      this.#narrower.record(
        answer.admitted
          ? undefined
          : `${describe(request)} is admitted, rows ${from}–${to} of it are not.`,
      );
    }
  }

  #checkCollective(request: StepRequest): void {
    const reduces = request.stages.some((stage) => stage.kind === 'all_reduce');
    this.#collective.record(
      reduces === this.#kernel.collective
        ? undefined
        : `collective is ${this.#kernel.collective} for ${describe(request)}.`,
    );
  }

  #checkWorkspace(request: StepRequest): void {
    const { min, max } = request.rows;
    const bytesFor = (of: StepRequest): number | undefined =>
      this.#call(
        'workspace',
        of,
        () => this.#kernel.workspace(of),
        (answer) => typeof answer?.bytes === 'number',
      )?.bytes;
    const small = bytesFor(freeze({ ...request, rows: { min, max: min } }));
    const large = bytesFor(request);
    if (small === undefined || large === undefined) return;
    const good =
      Number.isSafeInteger(small) && Number.isSafeInteger(large) && small >= 0 && small <= large;
    this.#workspace.record(
      good
        ? undefined
        : `${small} bytes for ${min} rows, ${large} for ${max}: ${describe(request)}.`,
    );
  }

  #offer(request: StepRequest): KernelOffer | undefined {
    return this.#call(
      'offer',
      request,
      () => this.#kernel.offer(request),
      (answer) => typeof answer === 'object' && answer !== null && !('then' in answer),
    );
  }

  #checkOffer(request: StepRequest): void {
    const offer = this.#offer(request);
    const again = offer && this.#offer(request);
    if (!offer || !again) return;
    const parameters = parameterFault(offer) ?? parameterFault(again);
    this.#offers.record(parameters && `${parameters} ${describe(request)}.`);
    if (parameters !== undefined) return;
    const record = recordFault(request, offer.numerics) ?? recordFault(request, again.numerics);
    this.#numerics.record(record && `${record} ${describe(request)}.`);
    if (record !== undefined) return;
    this.#repeatable.record(
      canonicalJson(offer) === canonicalJson(again)
        ? undefined
        : `two offers for ${describe(request)}.`,
    );
    this.#checkArithmetic(request, offer);
  }

  /** One simulation per run of stages and record: the arithmetic does not depend on the box. */
  #checkArithmetic(request: StepRequest, { numerics }: KernelOffer): void {
    const key = canonicalJson([
      request.stages,
      request.dtype,
      { ...request.numerics, ...numerics },
      request.group.size,
    ]);
    if (this.#simulated.has(key)) return;
    this.#simulated.add(key);
    let failure: string | undefined;
    try {
      failure = simulateOffer(request, numerics);
    } catch (error) {
      failure = `the simulation stops: ${messageOf(error)}`;
    }
    this.#arithmetic.record(failure && `${failure} ${describe(request)}.`);
  }
}
