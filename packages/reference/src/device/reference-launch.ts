import type { DeviceLaunch, DevicePlace } from '@arfuse/contract';
import { bytesAt } from './memory.ts';
import type { ReferenceLaunch } from './stream.ts';

/**
 * A kernel of reference devices that does what it is told, for kernels that belong to no step of a plan.
 *
 * @param maxRows - largest number of rows that a stream may enqueue it for
 * @param run - called when the stream comes to it
 */
export function referenceLaunch(maxRows: number, run: (rows: number) => void): DeviceLaunch {
  const launch: ReferenceLaunch = {
    maxRows,
    begin: (rows) => () => {
      run(rows);
      return true;
    },
    close: () => {},
  };
  return launch;
}

/** Bytes of a reference device's memory. @throws DeviceError when so many do not lie behind the place */
export function referenceBytes(place: DevicePlace, count: number): Uint8Array {
  return bytesAt(place, count);
}
