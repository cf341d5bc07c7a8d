import {
  checkMagic,
  decodeHeader,
  type FrameHeader,
  HEADER_BYTES,
  MAC_BYTES,
  MAGIC,
} from './frame.ts';

/** One message as it came. */
export interface Frame {
  readonly header: FrameHeader;
  readonly headerBytes: Buffer;
  readonly payload: Buffer;
  /** Empty when the message is not authenticated. */
  readonly mac: Buffer;
}

/** Cuts a stream of bytes into messages. Holds no more than what has come, whatever a header claims. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #sequence = 0;
  #pending: { header: FrameHeader; headerBytes: Buffer } | undefined;

  /**
   * @param peer - who sends, for errors; may become known better
   * @param maxBytes - most bytes of a payload; may be changed between messages
   */
  constructor(
    public peer: string,
    public maxBytes: number,
  ) {}

  /** Takes what has come from the stream. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /**
   * The next whole message, if it has come.
   * @throws ProtocolError for bytes that are none; the stream cannot be read on after it
   */
  next(): Frame | undefined {
    if (!this.#pending) {
      if (this.#bytes < HEADER_BYTES) {
        if (this.#bytes > 0) checkMagic(this.#peek(MAGIC.length), this.peer);
        return undefined;
      }
      const headerBytes = this.#take(HEADER_BYTES);
      const { peer, maxBytes } = this;
      const header = decodeHeader(headerBytes, { peer, maxBytes, sequence: this.#sequence });
      this.#sequence += 1;
      this.#pending = { header, headerBytes };
    }
    const { header, headerBytes } = this.#pending;
    const macBytes = header.authenticated ? MAC_BYTES : 0;
    if (this.#bytes < header.length + macBytes) return undefined;
    const body = this.#take(header.length + macBytes);
    this.#pending = undefined;
    return {
      header,
      headerBytes,
      payload: body.subarray(0, header.length),
      mac: body.subarray(header.length),
    };
  }

  #peek(most: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    return first.length >= most || this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
  }

  #take(count: number): Buffer {
    this.#bytes -= count;
    const first = this.#chunks[0];
    if (first && first.length > count) {
      this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    if (first && first.length === count) return this.#chunks.shift()!;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length > count ? [all.subarray(count)] : [];
    return all.subarray(0, count);
  }
}
