import { UsageError } from '@arfuse/contract';
import type { FindSitesOptions } from '@arfuse/patterns';

/** What is evaluated. */
export interface VerifyOptions extends FindSitesOptions {
  /** Row counts to evaluate. Default 1, 7 and 64. */
  readonly tokens?: readonly number[];
  /** Seed of the random inputs. Default 1. */
  readonly seed?: number;
}

const DEFAULT_TOKENS = [1, 7, 64];

/**
 * The options with their defaults.
 * @throws UsageError for a row count that cannot be evaluated
 */
export function checkOptions({ tokens = DEFAULT_TOKENS, seed = 1 }: VerifyOptions): {
  tokens: readonly number[];
  seed: number;
} {
  for (const count of tokens) {
    if (!Number.isInteger(count) || count < 1 || count > 4096) {
      throw new UsageError({
        message: `tokens: ${count} is no row count to verify.`,
        hint: 'Use whole numbers from 1 to 4096.',
        details: { tokens },
      });
    }
  }
  if (tokens.length === 0)
    throw new UsageError({
      message: 'tokens: the list is empty.',
      hint: 'Give at least one row count.',
    });
  return { tokens, seed };
}
