import { AgreementError, type ExecutionContext, NativeError } from '@arfuse/contract';

/** What ranks tell each other while they open. */
export interface Told {
  /** Why it failed. */
  readonly error?: string;
  readonly version?: string;
  /** In base64, from the rank that asked NCCL for it. */
  readonly id?: string;
}

/** Messages have one size, as the group's exchange needs. */
const MESSAGE_BYTES = 2048;

/** Characters of an error that other ranks hear; each takes up to 6 bytes as JSON. */
const ERROR_CHARACTERS = 300;

/** Tells every rank something of this one. @returns what each rank told */
export async function tell(
  { exchange }: Pick<ExecutionContext, 'exchange'>,
  told: Told,
): Promise<readonly Told[]> {
  const bytes = Buffer.alloc(MESSAGE_BYTES, ' ');
  const { error } = told;
  const cut = error === undefined ? told : { ...told, error: error.slice(0, ERROR_CHARACTERS) };
  bytes.write(JSON.stringify(cut));
  const heard = await exchange(bytes);
  return heard.map((message) => JSON.parse(Buffer.from(message).toString()) as Told);
}

/**
 * Does what every rank does, and goes on when it has succeeded at every one.
 * @throws its own failure; where another rank fails, a NativeError that names that rank and its reason
 */
export async function atAllRanks<T>(
  context: Pick<ExecutionContext, 'exchange'>,
  what: string,
  act: () => T | Promise<T>,
): Promise<T> {
  let outcome: { readonly value: T } | { readonly failure: Error };
  try {
    outcome = { value: await act() };
  } catch (failure) {
    outcome = { failure: failure as Error };
  }
  if ('failure' in outcome) {
    // A rank that cannot be told does not hide what failed here.
    await tell(context, { error: outcome.failure.message }).catch(() => {});
    throw outcome.failure;
  }
  const failed = (await tell(context, {})).flatMap(({ error }, rank) =>
    error === undefined ? [] : [{ rank, error }],
  );
  if (failed.length === 0) return outcome.value;
  throw new NativeError({
    message: `${what} failed at ${failed.map(({ rank, error }) => `rank ${rank}: ${error}`).join('; ')}`,
    hint: 'Every rank needs what the plan runs on: mend it there, and start all ranks again.',
    details: { failed },
  });
}

/** @throws AgreementError, the same at every rank, unless all have one version: NCCL's of different releases do not talk */
export function requireOneVersion(told: readonly Told[]): void {
  const versions = told.map(({ version }) => version ?? 'unknown');
  const values = [...new Set(versions)].map((value) => ({
    value,
    ranks: versions.flatMap((version, rank) => (version === value ? [rank] : [])),
  }));
  if (values.length === 1) return;
  const list = values.map(
    ({ value, ranks }) => `${value} at ${ranks.length > 1 ? 'ranks' : 'rank'} ${ranks.join(', ')}`,
  );
  throw new AgreementError({
    message: `the ranks do not agree: NCCL is ${list.join('; ')}.`,
    hint: 'Install one release at all ranks, or name it there by ARFUSE_NCCL_PATH.',
    details: { fields: [{ field: 'nccl', values }] },
  });
}
