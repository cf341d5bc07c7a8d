import { type Backend, BackendError, checkBackend, type StepRequest } from '@arfuse/contract';
import { KernelRules } from './kernel-rules.ts';
import { type ConformanceReport, formatReport, RuleRecorder } from './report.ts';
import { requestGrid } from './requests.ts';

/** What a backend is asked in addition. */
export interface ConformanceOptions {
  /** More requests than the built-in grid, e.g. shapes that only this backend serves. */
  readonly requests?: Iterable<StepRequest>;
}

/**
 * Holds a backend to the contract: answers are pure, refusals are sentences, offers are data, and the declared numerics
 * can be executed and agree with an oracle. Runs on the CPU; no driver is opened and no kernel is launched, so whether a
 * kernel's code computes what its record says is not seen here.
 */
export function checkConformance(
  backend: Backend,
  options: ConformanceOptions = {},
): ConformanceReport {
  const shape = new RuleRecorder(
    'the backend has the shape of specification version 1',
    backend?.name ?? '(unnamed)',
  );
  let fault: string | undefined;
  try {
    checkBackend(backend);
  } catch (error) {
    fault = error instanceof Error ? error.message : String(error);
  }
  shape.record(fault);
  const checks = [shape.result()];
  if (fault === undefined) {
    // Read once: an iterator would be spent after the first kernel.
    const more = [...(options.requests ?? [])];
    for (const kernel of backend.kernels) {
      const rules = new KernelRules(kernel);
      for (const request of requestGrid()) rules.ask(request);
      for (const request of more) rules.ask(request);
      checks.push(...rules.results());
    }
  }
  return {
    backend: backend?.name ?? '(unnamed)',
    passed: checks.every((check) => check.passed),
    checks,
  };
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
