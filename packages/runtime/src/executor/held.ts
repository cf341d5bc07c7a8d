import { type ArfuseError, DeviceError } from '@arfuse/contract';
import { ranksText } from '../group/faults.ts';
import { factOf } from '../wire/fault.ts';
import { decodeText, encodeText } from './padded-text.ts';

/** What a rank says after its kernels were released. */
export interface Release {
  /** Whether kernels of the rank still run. */
  readonly held: boolean;
  /** What the kernels of the rank say of why they may not end; undefined where all of them should. */
  readonly reason?: string;
}

const BYTES = 512;
/** What the message of a rank whose kernels are held begins with; that of another is empty. */
const HELD = '!';

/** Writes what a rank says; a long reason is cut. */
export const encodeRelease = ({ held, reason = '' }: Release): Uint8Array =>
  encodeText(held ? HELD + reason : '', BYTES);

/** Reads what {@link encodeRelease} wrote. */
export function decodeRelease(message: Uint8Array): Release {
  const text = decodeText(message);
  const reason = text.slice(HELD.length);
  return { held: text.startsWith(HELD), ...(reason === '' ? {} : { reason }) };
}

/**
 * The error of kernels that did not end although they were released, the same at every rank.
 * @param releases - what each rank said
 * @param because - why they were released
 */
export function heldError(
  releases: ReadonlyMap<number, Release>,
  because: ArfuseError,
  recoveryMs: number,
): DeviceError {
  const held = [...releases].flatMap(([rank, release]) => (release.held ? [rank] : []));
  const reasons = new Set([...releases.values()].flatMap(({ reason }) => reason ?? []));
  return new DeviceError({
    message: `${factOf(because)} Kernels of ${ranksText(held)} did not end within ${recoveryMs / 1000} s after they were released.`,
    hint: [
      ...reasons,
      'End the process: the GPU is usable again as soon as it is gone, and the group has to start anew.',
    ].join(' '),
    details: { ...because.details, held },
    cause: because,
  });
}
