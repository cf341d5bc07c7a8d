import type { Device, DeviceLaunch } from '@arfuse/contract';
import { cudaBinding } from '@arfuse/native';
import { referenceBytes, referenceLaunch } from '@arfuse/reference';
import { type CodesSpec, makeCodes } from '../cases/codes.ts';
import type { RankPlace } from '../judging/checker.ts';

/** A tensor that a producer writes. */
export interface ProducedTensor {
  readonly place: RankPlace;
  readonly spec: CodesSpec;
}

/** Makes a kernel of a device that writes tensors; it is enqueued for one row. */
export type MakeProducer = (device: Device, tensors: readonly ProducedTensor[]) => DeviceLaunch;

/**
 * The worst producer that programmatic dependent launch allows: what follows may start at once, and it writes after a delay. On a
 * reference device it writes before what follows begins.
 *
 * @param delay - nanoseconds
 */
export const lateProducer =
  (delay: number): MakeProducer =>
  (device, tensors) => {
    if (device.kind === 'cuda') {
      const { prepareProducer } = cudaBinding(device).check;
      const given = tensors.map(({ place, spec }) => ({ ...spec, out: place }));
      return prepareProducer!(device.ordinal, { delay, tensors: given });
    }
    return referenceLaunch(1, () => {
      for (const { place, spec } of tensors) {
        const { buffer, byteLength } = makeCodes(spec);
        referenceBytes(place, byteLength).set(new Uint8Array(buffer));
      }
    });
  };
