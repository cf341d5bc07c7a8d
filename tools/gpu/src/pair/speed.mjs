import { timesOf } from '../speed/samples.mjs';
import { openStep } from '../speed/step-cost.mjs';

const SITES = 32;
const HIDDEN = 8192;
const ROUNDS = 41;
const WARMUP = 5;

/**
 * Microseconds of one add + norm site by the device's clock, of the slower rank: a captured step of sites, each rank on a GPU of its
 * own. The ranks are launched one after the other by one thread, whose pause is in the step once; so the figures are indicative.
 *
 * @param {import('@arfuse/native').NativeArithmetic} arithmetic
 * @param {{ ordinals: readonly number[], kernels: readonly string[], tokens: readonly number[], capability: number, seed: number,
 *   ended: () => boolean }} given
 */
export async function pairSpeed(arithmetic, { ordinals, kernels, tokens, ended, ...given }) {
  const rows = [];
  for (const kernel of kernels)
    for (const count of tokens) {
      if (ended()) return { sites: SITES, hidden: HIDDEN, complete: false, rows };
      const row = { kernel, tokens: count };
      const opened = await openStep(arithmetic, {
        ...given,
        ordinals,
        collective: kernel,
        size: ordinals.length,
        hidden: HIDDEN,
        tokens: count,
        sites: SITES,
      }).catch((error) => ({ failed: /** @type {Error} */ (error).message }));
      if (!('ranks' in opened)) {
        rows.push({ ...row, ...opened });
        continue;
      }
      try {
        rows.push({ ...row, site: timesOf(await stepTimes(opened, count)) });
      } catch (error) {
        rows.push({ ...row, failed: /** @type {Error} */ (error).message });
      } finally {
        await opened.close().catch(() => {});
      }
    }
  return { sites: SITES, hidden: HIDDEN, complete: true, rows };
}

/**
 * @param {Extract<Awaited<ReturnType<typeof openStep>>, { steps: unknown }>} opened
 * @param {number} tokens
 */
async function stepTimes({ ranks, steps, devices, streams }, tokens) {
  const events = devices.map((device) => [device.createEvent(), device.createEvent()]);
  const us = [];
  for (let round = -WARMUP; round < ROUNDS; round += 1) {
    for (const [rank, stream] of streams.entries())
      stream.record(/** @type {import('@arfuse/contract').DeviceEvent} */ (events[rank]?.[0]));
    ranks.enqueueStep(steps, tokens);
    for (const [rank, stream] of streams.entries())
      stream.record(/** @type {import('@arfuse/contract').DeviceEvent} */ (events[rank]?.[1]));
    await ranks.sync();
    const slowest = Math.max(
      ...events.map(([from, to]) =>
        /** @type {import('@arfuse/contract').DeviceEvent} */ (to).elapsed(
          /** @type {import('@arfuse/contract').DeviceEvent} */ (from),
        ),
      ),
    );
    if (round >= 0) us.push((slowest * 1000) / SITES);
  }
  for (const pair of events) for (const event of pair) event.close();
  return us;
}
