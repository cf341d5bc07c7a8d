/** Bytes of a pattern before and behind every buffer: a kernel that writes past its end changes them. */
const GUARD = 4096;
const GUARD_BYTE = 0x5c;

/** @typedef {import('@arfuse/native').OnDevice<import('@arfuse/native').NativeNormLaunch>} OnDevice */
/** @typedef {{ host: Uint8Array, offset: number }} Placed a host buffer and where it lies */

/** The next multiple of 256, where an allocation could begin. */
export const align = (/** @type {number} */ bytes) => Math.ceil(bytes / 256) * 256;

/**
 * Puts a host launch's buffers into device memory, each between guard bands, and gives the same launch with places.
 *
 * @param {Required<import('@arfuse/native').NativeBinding>} binding
 * @param {import('@arfuse/native').NativeStream} stream
 * @param {number} device
 * @param {import('@arfuse/native').NativeNormLaunch} launch
 */
export function toDevice(binding, stream, device, launch) {
  /** @type {Placed[]} */
  const buffers = [];
  /** @type {Map<unknown, object>} */
  const places = new Map();
  let size = GUARD;
  const walk = (/** @type {unknown} */ value) => {
    if (!ArrayBuffer.isView(value)) {
      if (typeof value === 'object' && value !== null) Object.values(value).forEach(walk);
      return;
    }
    if (places.has(value)) return;
    const host = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    buffers.push({ host, offset: size });
    places.set(value, { offset: size });
    size += align(host.length) + GUARD;
  };
  walk(launch);
  const memory = new binding.DeviceMemory(device, size);
  /** @type {(value: unknown) => unknown} */
  const convert = (value) => {
    if (ArrayBuffer.isView(value)) return { memory, ...places.get(value) };
    if (Array.isArray(value)) return value.map(convert);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, convert(member)]));
  };
  stream.fill({ memory, offset: 0 }, GUARD_BYTE, size);
  for (const { host, offset } of buffers) stream.write({ memory, offset }, host);
  const placed = /** @type {OnDevice} */ (convert(launch));
  return { memory, size, buffers, launch: placed };
}

/**
 * The first byte outside of every buffer that is no longer the guard's; undefined when all are.
 *
 * @param {Uint8Array} image
 * @param {readonly Placed[]} buffers
 */
export function brokenGuards(image, buffers) {
  let next = 0;
  for (const { host, offset } of buffers) {
    for (let i = next; i < offset; i += 1) if (image[i] !== GUARD_BYTE) return i;
    next = offset + host.length;
  }
  for (let i = next; i < image.length; i += 1) if (image[i] !== GUARD_BYTE) return i;
  return undefined;
}
