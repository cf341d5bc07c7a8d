import type { CellSite, Kernel, Stage, StepRequest, Target, TargetGroup } from '@arfuse/contract';
import { BackendError } from '@arfuse/contract';
import { type RangedAdmission, rangedAdmission } from './admitted-ranges.ts';
import { type LaunchRun, type LaunchSpan, launchRuns } from './launches.ts';
import { outputsOf } from './outputs.ts';

/** Where candidates of one class are looked for. */
export interface CandidateScope {
  readonly site: CellSite;
  readonly target: Target;
  readonly group: TargetGroup;
  readonly spans: readonly LaunchSpan[];
}

/** A kernel on a run of stages of one order. */
export interface RunKey {
  readonly kernel: Kernel;
  readonly order: readonly Stage[];
  readonly start: number;
  readonly end: number;
}

/** The request for a run, but for its rows and mode. */
export function requestFor(
  scope: CandidateScope,
  { order, start, end }: RunKey,
): Omit<StepRequest, 'rows' | 'mode'> {
  const { site, target, group } = scope;
  return {
    stages: order.slice(start, end),
    outputs: outputsOf(order, start, end, site.outputs),
    numerics: site.numerics,
    hidden: site.hidden,
    dtype: site.dtype,
    group,
    target,
  };
}

/** Admissions of one class, each asked once. */
export class RunAdmissions {
  readonly #scope: CandidateScope;
  readonly #known = new Map<Kernel, Map<readonly Stage[], Map<number, RangedAdmission>>>();

  readonly #runs: readonly LaunchRun[];

  constructor(scope: CandidateScope) {
    this.#scope = scope;
    this.#runs = launchRuns(scope.spans);
  }

  /** @throws BackendError when a kernel answers with something else than an admission */
  of(run: RunKey): RangedAdmission {
    let orders = this.#known.get(run.kernel);
    if (!orders) {
      orders = new Map();
      this.#known.set(run.kernel, orders);
    }
    let runs = orders.get(run.order);
    if (!runs) {
      runs = new Map();
      orders.set(run.order, runs);
    }
    const key = run.start * 64 + run.end;
    let found = runs.get(key);
    if (!found) {
      const request = requestFor(this.#scope, run);
      found = rangedAdmission(this.#runs, (rows, mode) => {
        // Member by member: spreading is the larger part of the cost of asking.
        const { stages, outputs, numerics, hidden, dtype, group, target } = request;
        const asked = { stages, outputs, numerics, hidden, dtype, group, target, rows, mode };
        const answer = run.kernel.admit(asked);
        if (answer?.admitted === true) return answer;
        if (
          answer?.admitted === false &&
          Array.isArray(answer.reasons) &&
          answer.reasons.length > 0
        )
          return answer;
        throw new BackendError({
          message: `kernel "${run.kernel.id}" answered admit() with ${JSON.stringify(answer)}.`,
          hint: 'Return { admitted: true }, or { admitted: false, reasons: [one sentence or more] }.',
          details: { kernel: run.kernel.id },
        });
      });
      runs.set(key, found);
    }
    return found;
  }
}
