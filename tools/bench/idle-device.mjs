/** @typedef {import('@arfuse/contract').DeviceStream} DeviceStream */

/**
 * A device that does nothing, so that only the host's part of a launch is left. Its stream is what a bare loop would call.
 *
 * @param {number} ordinal
 * @returns {import('@arfuse/contract').Device}
 */
export function idleDevice(ordinal) {
  let next = 0x1000n;
  const memory = (
    /** @type {number} */ bytes,
    /** @type {bigint | undefined} */ at = undefined,
  ) => {
    const address = at ?? next;
    if (at === undefined) next += BigInt(Math.ceil(bytes / 256) * 256);
    return { bytes, address, close() {} };
  };
  return {
    kind: 'reference',
    ordinal,
    facts: { device: 'idle' },
    open: async () => ({
      libraries: {},
      prepare: ({ rows }) => ({ maxRows: rows.max, close() {} }),
      release() {},
      reset() {},
      close() {},
    }),
    allocate: (bytes) => memory(bytes),
    view: (address, bytes) => memory(bytes, address),
    pinned: (bytes) => ({ array: new Uint8Array(bytes), address: 0n, close() {} }),
    createStream: () => new IdleStream(),
    viewStream: () => new IdleStream(),
    createEvent: () => ({ passed: () => true, elapsed: () => 0, close() {} }),
    share: () => new Uint8Array(8),
    map: (_, bytes) => memory(bytes),
    load() {},
    abandon() {},
  };
}

/** Counts what it is given, so that no call can be left out. @implements {DeviceStream} */
class IdleStream {
  launched = 0;
  write() {}
  read() {}
  fill() {}
  copy() {}
  enqueue() {
    this.launched += 1;
  }
  record() {}
  wait() {}
  beginCapture() {}
  endCapture() {
    return { close() {} };
  }
  launch() {
    this.launched += 1;
  }
  idle() {
    return true;
  }
  async sync() {}
}
