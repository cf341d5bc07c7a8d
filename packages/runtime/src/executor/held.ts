import { type ArfuseError, DeviceError } from '@arfuse/contract';
import { ranksText } from '../group/faults.ts';

/** What a rank says after its kernels were released. */
export interface Release {
  /** Whether kernels of the rank still run. */
  readonly held: boolean;
  /** What the kernels of the rank say of why they may not end; undefined where all of them should. */
  readonly reason?: string;
}

/** Messages of one size, as the group needs them; a longer reason is cut. */
const BYTES = 512;
const HELD = '!';

/** Writes what a rank says. */
export function encodeRelease({ held, reason = '' }: Release): Uint8Array {
  const bytes = Buffer.alloc(BYTES, ' ');
  if (held) bytes.write(HELD + reason);
  return bytes;
}

/** Reads what {@link encodeRelease} wrote. */
export function decodeRelease(message: Uint8Array): Release {
  const text = Buffer.from(message).toString().trimEnd();
  const reason = text.slice(HELD.length);
  return { held: text.startsWith(HELD), ...(reason === '' ? {} : { reason }) };
}

/** What an error says, without what to do. */
const factOf = ({ message, hint }: ArfuseError): string =>
  hint === undefined ? message : message.slice(0, -(hint.length + 1));

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
