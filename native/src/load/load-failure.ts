import type { BinaryCandidate } from './candidates.ts';

/** Why one place gave no addon. */
export interface LoadFailure {
  readonly id: BinaryCandidate['id'];
  readonly path: string;
  /**
   * `MODULE_NOT_FOUND`, `NOT_ADDON`, `CORRUPTED`, `VERSION` (of the platform package), `LIBC` (older than the addon's),
   * `ABI` (functions of another version), or Node's own code, such as `ERR_DLOPEN_FAILED`.
   */
  readonly code: string;
  readonly message: string;
  /** What the addon, or this package, needs: `glibc 2.38`, `ABI 3`; present where something else was found. */
  readonly requires?: string;
  readonly found?: string;
}

/** A failure before it knows its place. */
export type Reason = Omit<LoadFailure, 'id' | 'path'>;

/** A reason that is a pair of what is needed and what there is. */
export const mismatch = (code: string, requires: string, found: string, advice = ''): Reason => ({
  code,
  message: `it needs ${requires}, and finds ${found}${advice}`,
  requires,
  found,
});
