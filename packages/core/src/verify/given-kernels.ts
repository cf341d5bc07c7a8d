import {
  type Backend,
  BackendError,
  checkBackend,
  type Kernel,
  splitKernelId,
} from '@arfuse/contract';
import { nccl } from '@arfuse/nccl';
import { native } from '../norm/backend.ts';

/** Kernels by id, of the backends that are given and of the two that every plan has. */
export class GivenKernels {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly #kernels: ReadonlyMap<string, Kernel>;

  /**
   * @param use - a given backend replaces the built-in one of its name
   * @throws BackendError, SpecificationVersionError for a malformed backend, or one that is given twice
   */
  constructor(use: readonly Backend[]) {
    const backends = new Map<string, Backend>();
    for (const backend of use) {
      checkBackend(backend);
      if (backends.has(backend.name)) {
        throw new BackendError({
          message: `backend "${backend.name}" is given twice.`,
          hint: 'List each backend once in `use`.',
          details: { backend: backend.name },
        });
      }
      backends.set(backend.name, backend);
    }
    for (const backend of [nccl(), native()])
      if (!backends.has(backend.name)) backends.set(backend.name, backend);
    this.backends = backends;
    this.#kernels = new Map(
      [...backends.values()].flatMap(({ kernels }) => kernels.map((kernel) => [kernel.id, kernel])),
    );
  }

  /** The kernel of an id; null when its backend has none of that name, undefined when the backend is not given. */
  find(id: string): Kernel | null | undefined {
    const kernel = this.#kernels.get(id);
    if (kernel) return kernel;
    return this.backends.has(splitKernelId(id).backend) ? null : undefined;
  }
}
