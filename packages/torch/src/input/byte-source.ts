import type { FileHandle } from 'node:fs/promises';
import { GraphFormatError, IoError, LimitError, UsageError } from '@arfuse/contract';
import type { ImportLimits } from '../importer.ts';

/** Where bytes come from. */
export type Chunks = AsyncIterable<Uint8Array>;

const CHUNK = 256 * 1024;

/** What went wrong with a path, in words, and what to do. */
export function ioError(error: unknown, path: string): IoError {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  const known: Readonly<Record<string, readonly [string, string]>> = {
    ENOENT: ['does not exist.', 'Check the path.'],
    ENOTDIR: ['does not exist: a part of the path is no directory.', 'Check the path.'],
    EACCES: ['may not be read.', 'Change its permissions, or copy it.'],
    EPERM: ['may not be read.', 'Change its permissions, or copy it.'],
    ELOOP: ['is a symbolic link that leads back to itself.', 'Give the path of the real file.'],
    EMFILE: [
      'cannot be opened: too many files are open.',
      'Close some, or raise the limit of the shell.',
    ],
  };
  const [message, hint] = known[code ?? ''] ?? [
    `cannot be read (${code ?? String(error)}).`,
    'Check the disk and the path.',
  ];
  return new IoError({
    message: `${JSON.stringify(path)} ${message}`,
    hint,
    cause: error,
    details: { path, code },
  });
}

/** The bytes of a file, in chunks. The file is closed when the reader stops. */
export async function* fileChunks(path: string): Chunks {
  const { open } = await import('node:fs/promises');
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall ? ioError(error, path) : error;
  } finally {
    await file?.close();
  }
}

/** A byte array as chunks, so that limits are checked before all of it is decoded. */
export async function* arrayChunks(bytes: Uint8Array): Chunks {
  for (let at = 0; at < bytes.length; at += CHUNK) yield bytes.subarray(at, at + CHUNK);
}

/** How a stream of bytes is bounded and named. */
export interface StreamOptions {
  readonly source: string;
  readonly limits: ImportLimits;
  readonly signal?: AbortSignal;
}

/** Below this many bytes no ratio is checked: headers and short repetitive files compress as they like. */
const RATIO_FLOOR = 1024 * 1024;

/** Fails when `produced` decompressed bytes are too many, or too many for `consumed` compressed ones. */
export function checkExpansion(produced: number, consumed: number, options: StreamOptions): void {
  const { limits, source } = options;
  if (produced > limits.maxBytes) {
    throw new LimitError({
      message: `the input holds more than ${limits.maxBytes} bytes.`,
      hint: 'Raise limits.maxBytes if the file is to be trusted.',
      place: { file: source },
      details: { maxBytes: limits.maxBytes },
    });
  }
  if (produced > RATIO_FLOOR && produced > consumed * limits.maxRatio) {
    throw new LimitError({
      message: `${consumed} compressed bytes expand to more than ${limits.maxRatio} times as many.`,
      hint: 'This is how decompression bombs look; raise limits.maxRatio if the file is to be trusted.',
      place: { file: source },
      details: { consumed, produced, maxRatio: limits.maxRatio },
    });
  }
}

function gzipError(error: unknown, options: StreamOptions): unknown {
  const code: unknown = (error as NodeJS.ErrnoException).code;
  if (typeof code !== 'string' || !code.startsWith('Z_')) return error;
  const truncated = code === 'Z_BUF_ERROR';
  return new GraphFormatError({
    message: truncated
      ? 'the gzip data end too early.'
      : `the gzip data are damaged (${(error as Error).message}).`,
    hint: 'The file is cut off or corrupt; copy it again, or check it with gzip -t.',
    place: { file: options.source },
    cause: error,
  });
}

/** Decompresses gzip while reading, within the limits. Bytes after the end must be zeros or another member. */
async function* gunzipChunks(chunks: Chunks, options: StreamOptions): Chunks {
  const { createGunzip } = await import('node:zlib');
  const gunzip = createGunzip({ chunkSize: CHUNK });
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (gunzip.destroyed) return;
      if (gunzip.write(chunk)) continue;
      await new Promise<void>((resume) => {
        gunzip.once('drain', resume);
        gunzip.once('close', resume);
      });
    }
    gunzip.end();
  };
  // Not awaited: a source that never gives another chunk must not hold back an error.
  feed().catch((error: unknown) => {
    gunzip.destroy(error as Error);
  });
  let produced = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      produced += chunk.length;
      checkExpansion(produced, gunzip.bytesWritten, options);
      yield chunk;
    }
  } catch (error) {
    throw gzipError(error, options);
  } finally {
    gunzip.destroy();
  }
}

async function* boundedChunks(chunks: Chunks, options: StreamOptions): Chunks {
  let produced = 0;
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    if (!(chunk instanceof Uint8Array)) {
      throw new UsageError({
        message: `the stream ${options.source} gives ${typeof chunk === 'string' ? 'strings' : typeof chunk}, not bytes.`,
        hint: 'Do not call setEncoding() on it.',
      });
    }
    produced += chunk.length;
    checkExpansion(produced, produced, options);
    yield chunk;
  }
}

/** Puts chunks that were read ahead back before the rest. */
async function* resumed(ahead: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): Chunks {
  try {
    for (const chunk of ahead) yield chunk;
    for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** Reads at least `wanted` bytes (fewer at the end of the input) and gives them with a stream of everything. */
async function peek(chunks: Chunks, wanted: number): Promise<Omit<OpenedBytes, 'gzip'>> {
  const iterator = chunks[Symbol.asyncIterator]();
  const ahead: Uint8Array[] = [];
  let length = 0;
  while (length < wanted) {
    const next = await iterator.next();
    if (next.done) break;
    ahead.push(next.value);
    length += next.value.length;
  }
  return {
    head: Buffer.concat(ahead).subarray(0, wanted),
    chunks: resumed(ahead, iterator),
    close: async () => {
      await iterator.return?.();
    },
  };
}

/** Bytes that detection looks at. */
export const HEAD_BYTES = 64 * 1024;

/** Decompressed bytes with their first {@link HEAD_BYTES}. */
export interface OpenedBytes {
  readonly head: Buffer;
  readonly chunks: Chunks;
  /** Whether the input was gzip-compressed. */
  readonly gzip: boolean;
  /** Closes the input when `chunks` is not read to its end. */
  close(): Promise<void>;
}

/**
 * Opens a stream of bytes: takes gzip off, whatever the name says, and looks at the beginning.
 * @throws GraphFormatError for damaged gzip data
 * @throws LimitError beyond `maxBytes` or `maxRatio`
 */
export async function openBytes(input: Chunks, options: StreamOptions): Promise<OpenedBytes> {
  const raw = await peek(boundedChunks(input, options), 2);
  const gzip = raw.head[0] === 0x1f && raw.head[1] === 0x8b;
  const decoded = await peek(gzip ? gunzipChunks(raw.chunks, options) : raw.chunks, HEAD_BYTES);
  return { ...decoded, gzip };
}

/** Everything at once. */
export async function readAll(chunks: Chunks): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all.length === 1
    ? Buffer.from(all[0]!.buffer, all[0]!.byteOffset, all[0]!.byteLength)
    : Buffer.concat(all);
}
