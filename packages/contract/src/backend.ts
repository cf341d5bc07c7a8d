import { BackendError } from './errors/errors.ts';
import type { OpenKernels } from './execution/kernel-executor.ts';
import type { Kernel } from './kernel.ts';
import { requireSpecificationVersion } from './specification-version.ts';
import type { ThresholdTable } from './table.ts';

/**
 * A family of kernels with one owner. Handed over as a value: `plan(graph, { use: [flashinfer(), acme()] })`.
 *
 * @example
 * ```ts
 * export const acme = (): Backend => ({
 *   specificationVersion: 1,
 *   name: '@acme/fast',
 *   version: '1.0.0',
 *   kernels: [fastAllReduce],
 * });
 * ```
 */
export interface Backend {
  readonly specificationVersion: 1;
  /** npm name of the package that provides it. */
  readonly name: string;
  /** Version of that package; printed in plans, not part of the hash. */
  readonly version: string;
  readonly kernels: readonly Kernel[];
  /** Threshold tables that come with the backend. */
  readonly tables?: readonly ThresholdTable[];
  /** Makes the kernels ready on a GPU; absent from a backend that is for planning only. */
  readonly open?: OpenKernels;
}

/** Splits `npm-name/kernel` at its last slash. */
export function splitKernelId(id: string): { backend: string; kernel: string } {
  const slash = id.lastIndexOf('/');
  return { backend: id.slice(0, slash), kernel: id.slice(slash + 1) };
}

/**
 * Checks what can be checked of a backend without running it.
 * @throws SpecificationVersionError, BackendError
 */
export function checkBackend(backend: Backend): void {
  const name = typeof backend?.name === 'string' ? backend.name : '(unnamed)';
  requireSpecificationVersion(`backend "${name}"`, backend?.specificationVersion);
  const fail = (message: string): never => {
    throw new BackendError({
      message: `backend "${name}": ${message}`,
      details: { backend: name },
    });
  };
  if (!/^(@[a-z0-9-][a-z0-9-._]*\/)?[a-z0-9-][a-z0-9-._]*$/.test(name)) {
    fail('its name is no npm package name. Use the name of the package that exports it.');
  }
  if (!Array.isArray(backend.kernels) || backend.kernels.length === 0) {
    fail('it has no kernels. List at least one.');
  }
  const seen = new Set<string>();
  for (const kernel of backend.kernels) {
    if (typeof kernel.id !== 'string' || splitKernelId(kernel.id).backend !== name) {
      fail(`kernel id ${JSON.stringify(kernel.id)} must be "${name}/<kernel>".`);
    }
    if (seen.has(kernel.id)) fail(`kernel id "${kernel.id}" occurs twice. Kernel ids are unique.`);
    seen.add(kernel.id);
    for (const method of ['admit', 'offer', 'workspace'] as const) {
      if (typeof kernel[method] !== 'function') fail(`kernel "${kernel.id}" has no ${method}().`);
    }
    if (!Number.isInteger(kernel.complexity) || kernel.complexity < 0) {
      fail(
        `kernel "${kernel.id}" has complexity ${String(kernel.complexity)}; use an integer ≥ 0.`,
      );
    }
  }
}
