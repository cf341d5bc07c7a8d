/// <reference path="./yauzl.d.ts" />
import { crc32 } from 'node:zlib';
import { ArfuseError, GraphFormatError, LimitError, UnsupportedError } from '@arfuse/contract';
import type { Entry, ZipFile } from 'yauzl';
import { ioError, type StreamOptions } from '../input/byte-source.ts';
import { decodeText } from '../input/text.ts';
import { cut } from '../quote.ts';

const DAMAGED = 'The archive is cut off or corrupt; copy it again, or check it with unzip -t.';
const STORED = 0;
const DEFLATED = 8;

/** `a.pt2!root/models/model.json`. No producer writes longer names than are shown. */
export function memberPlace(source: string, member: string): string {
  return `${source}!${cut(member, 200)}`;
}

/** A ZIP archive with random access: the central directory is read, and of the members only those asked for. */
export class ZipReader {
  readonly #zip: ZipFile;
  readonly #options: StreamOptions;
  readonly #entries = new Map<string, Entry>();

  private constructor(zip: ZipFile, options: StreamOptions) {
    this.#zip = zip;
    this.#options = options;
  }

  /**
   * Reads the central directory and checks every name in it.
   * @param input - path of a file, or a whole archive in memory
   * @throws GraphFormatError for a damaged directory, an unsafe name, or a name that occurs twice
   * @throws LimitError for more than `limits.maxEntries` members
   */
  static async open(input: string | Buffer, options: StreamOptions): Promise<ZipReader> {
    const { openPromise, fromBufferPromise } = await import('yauzl');
    const settings = { autoClose: false, strictFileNames: true, validateEntrySizes: true };
    let zip: ZipFile | undefined;
    try {
      zip =
        typeof input === 'string'
          ? await openPromise(input, settings)
          : await fromBufferPromise(input, settings);
      const reader = new ZipReader(zip, options);
      await reader.#readDirectory();
      return reader;
    } catch (error) {
      zip?.close();
      throw damaged(error, options.source, typeof input === 'string' ? input : undefined);
    }
  }

  async #readDirectory(): Promise<void> {
    const { limits, source, signal } = this.#options;
    if (this.#zip.entryCount > limits.maxEntries) {
      throw new LimitError({
        message: `the archive lists ${this.#zip.entryCount} members; the limit is ${limits.maxEntries}.`,
        hint: 'Raise limits.maxEntries if the file is to be trusted.',
        place: { file: source },
        details: { entries: this.#zip.entryCount, maxEntries: limits.maxEntries },
      });
    }
    for await (const entry of this.#zip.eachEntry()) {
      signal?.throwIfAborted();
      if (this.#entries.has(entry.fileName)) {
        throw new GraphFormatError({
          message: 'the archive lists this member twice.',
          hint: 'Readers would disagree about its content; write the archive again.',
          place: { file: memberPlace(source, entry.fileName) },
        });
      }
      this.#entries.set(entry.fileName, entry);
    }
  }

  /** Names of all members, in the order of the central directory. */
  get names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /**
   * The text of one member.
   * @throws GraphFormatError when it is damaged (size, CRC-32, deflate data, UTF-8)
   * @throws LimitError beyond `limits.maxBytes` or `limits.maxRatio`
   */
  async text(name: string): Promise<string> {
    const entry = this.#entries.get(name)!;
    const options = { ...this.#options, source: memberPlace(this.#options.source, name) };
    this.#check(entry, options);
    const chunks: Buffer[] = [];
    let crc = 0;
    try {
      // yauzl stops when a member holds more or fewer bytes than the directory says.
      for await (const chunk of (await this.#zip.openReadStreamPromise(
        entry,
      )) as AsyncIterable<Buffer>) {
        options.signal?.throwIfAborted();
        crc = crc32(chunk, crc);
        chunks.push(chunk);
      }
    } catch (error) {
      throw damaged(error, options.source);
    }
    if (crc !== entry.crc32) {
      throw new GraphFormatError({
        message: `its CRC-32 is ${hex(crc)}; the archive's directory says ${hex(entry.crc32)}.`,
        hint: DAMAGED,
        place: { file: options.source },
      });
    }
    return decodeText(Buffer.concat(chunks), options);
  }

  close(): void {
    this.#zip.close();
  }

  #check(entry: Entry, options: StreamOptions): void {
    const place = { file: options.source };
    const { limits } = options;
    if (
      entry.isEncrypted() ||
      (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    ) {
      throw new UnsupportedError({
        message: entry.isEncrypted()
          ? 'the member is encrypted.'
          : `the member uses compression method ${entry.compressionMethod}.`,
        hint: 'torch.export.save writes stored members; save the program again.',
        place,
      });
    }
    if (entry.uncompressedSize > limits.maxBytes) {
      throw new LimitError({
        message: `the member holds ${entry.uncompressedSize} bytes; the limit is ${limits.maxBytes}.`,
        hint: 'Raise limits.maxBytes if the file is to be trusted.',
        place,
        details: { bytes: entry.uncompressedSize, maxBytes: limits.maxBytes },
      });
    }
    if (entry.uncompressedSize > Math.max(1, entry.compressedSize) * limits.maxRatio) {
      throw new LimitError({
        message: `${entry.compressedSize} compressed bytes expand to ${entry.uncompressedSize}, more than ${limits.maxRatio} times as many.`,
        hint: 'This is how decompression bombs look; raise limits.maxRatio if the file is to be trusted.',
        place,
        details: {
          consumed: entry.compressedSize,
          produced: entry.uncompressedSize,
          maxRatio: limits.maxRatio,
        },
      });
    }
  }
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, '0');

/** yauzl and zlib throw plain errors: all of them mean a damaged archive, apart from those of the file system. */
function damaged(error: unknown, source: string, path?: string): unknown {
  if (ArfuseError.isInstance(error) || (error as Error).name === 'AbortError') return error;
  if (path !== undefined && (error as NodeJS.ErrnoException).syscall) return ioError(error, path);
  const message = cut(error instanceof Error ? error.message : String(error), 200);
  return new GraphFormatError({
    message: `the ZIP archive cannot be read: ${message}.`,
    hint: DAMAGED,
    place: { file: source },
    cause: error,
  });
}
