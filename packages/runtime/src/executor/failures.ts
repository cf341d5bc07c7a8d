import { ArfuseError, DeviceError, UsageError } from '@arfuse/contract';
import type { DeviceBuffer } from './device-buffer.ts';

/** What a device failed with, as an error of arfuse. */
export function deviceError(error: unknown): ArfuseError {
  if (ArfuseError.isInstance(error)) return error;
  const { message, code } = error as Error & { code?: string };
  return new DeviceError({
    message: `the device failed: ${message}`,
    hint: 'Create the executor anew, after a process restart where CUDA says that its context is lost.',
    details: { ...(code === undefined ? {} : { code }) },
    cause: error,
  });
}

/** The refusal of an id that nobody has given out. */
export function unknownId(what: 'binding' | 'step', id: number): UsageError {
  return new UsageError({
    message: `there is no ${what} ${String(id)}.`,
    hint: what === 'binding' ? 'bind() returns ids.' : 'defineStep() returns ids.',
    details: { id },
  });
}

/** The refusal of a copy of more bytes than a buffer has. */
export function wrongSize(
  what: 'write' | 'read',
  bytes: number,
  { dtype, shape, bytes: most }: DeviceBuffer,
): UsageError {
  return new UsageError({
    message: `${what} of ${bytes} bytes: the buffer ${dtype}[${shape.join(', ')}] has ${most}.`,
    details: { bytes, buffer: most },
  });
}
