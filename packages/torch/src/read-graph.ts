import { IoError, UsageError } from '@arfuse/contract';
import { finish } from './finish.ts';
import {
  DEFAULT_LIMITS,
  type ImportLimits,
  type ImportOptions,
  type ImportResult,
} from './importer.ts';
import {
  arrayChunks,
  type Chunks,
  fileChunks,
  ioError,
  openBytes,
  type StreamOptions,
} from './input/byte-source.ts';
import { readOpened } from './read-bytes.ts';

function limitsOf(given: Partial<ImportLimits> | undefined): ImportLimits {
  const limits = { ...DEFAULT_LIMITS };
  for (const [key, value] of Object.entries(given ?? {})) {
    if (!Object.hasOwn(DEFAULT_LIMITS, key)) {
      throw new UsageError({
        message: `there is no limit "${key}".`,
        hint: `Limits are ${Object.keys(DEFAULT_LIMITS).join(', ')}.`,
      });
    }
    if (value === undefined) continue;
    if (typeof value !== 'number' || Number.isNaN(value) || value < 1) {
      throw new UsageError({
        message: `limits.${key} is ${String(value)}.`,
        hint: 'Use a number of at least 1.',
      });
    }
    Object.assign(limits, { [key]: value });
  }
  return limits;
}

async function pathOf(url: URL): Promise<string> {
  if (url.protocol !== 'file:') {
    throw new UsageError({
      message: `graphs are not read from ${url.protocol} addresses (${url.href}).`,
      hint: 'Download the file, and give its path.',
    });
  }
  const { fileURLToPath } = await import('node:url');
  return fileURLToPath(url);
}

async function readPath(
  path: string,
  stream: StreamOptions,
  options: ImportOptions,
): Promise<ImportResult> {
  const { stat } = await import('node:fs/promises');
  const info = await stat(path).catch((error: unknown) => {
    throw ioError(error, path);
  });
  if (info.isDirectory()) {
    const { readDirectory } = await import('./directory/read-directory.ts');
    return readDirectory(path, stream, options);
  }
  if (info.isSocket() || info.isBlockDevice()) {
    throw new IoError({
      message: `${JSON.stringify(path)} is no file or directory.`,
      hint: 'Give the path of a graph.',
      details: { path },
    });
  }
  // Pipes have no random access; archives from them are read whole.
  return readStream(fileChunks(path), stream, options, info.isFile() ? path : undefined);
}

async function readStream(
  chunks: Chunks,
  stream: StreamOptions,
  options: ImportOptions,
  path?: string,
): Promise<ImportResult> {
  const opened = await openBytes(chunks, stream);
  try {
    return await readOpened(opened, stream, options, path);
  } finally {
    await opened.close();
  }
}

async function readInput(
  input: Exclude<GraphInput, URL>,
  stream: StreamOptions,
  options: ImportOptions,
): Promise<ImportResult> {
  if (input === '-') return readStream(process.stdin as Chunks, stream, options);
  if (typeof input === 'string') return readPath(input, stream, options);
  if (input instanceof Uint8Array) return readStream(arrayChunks(input), stream, options);
  if (typeof input === 'object' && input !== null && Symbol.asyncIterator in input) {
    return readStream(input, stream, options);
  }
  throw new UsageError({
    message: `readGraph cannot read ${String(input)}.`,
    hint: 'Give a path, "-", a file URL, bytes, or a stream of bytes.',
  });
}

/** What `readGraph` takes: a path, `-` for standard input, a `file:` URL, bytes, or a stream of bytes. */
export type GraphInput = string | URL | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Reads captured graphs: FX text, TORCH_TRACE logs, ExportedProgram JSON, `.pt2` archives, arfuse JSON, and directories
 * of them (vLLM compile caches and dumps, trace folders). The format is told by content, never by a name; gzip is taken
 * off wherever it stands. Loads no native code.
 * @throws GraphFormatError, GraphError, LimitError, UnsupportedError with the place in the input
 * @throws IoError when a path cannot be read
 * @throws UsageError for an input or limit of a wrong kind
 * @throws the reason of `options.signal` when it aborts
 * @example
 * ```ts
 * const { programs, warnings } = await readGraph('/root/.cache/vllm/torch_compile_cache');
 * ```
 */
export async function readGraph(
  input: GraphInput,
  options: ImportOptions = {},
): Promise<ImportResult> {
  options.signal?.throwIfAborted();
  const given = input instanceof URL ? await pathOf(input) : input;
  const name = given === '-' ? '<stdin>' : typeof given === 'string' ? given : '<bytes>';
  const stream: StreamOptions = {
    source: options.source ?? name,
    limits: limitsOf(options.limits),
    ...(options.signal ? { signal: options.signal } : {}),
  };
  return finish(await readInput(given, stream, options), stream, options);
}
