import { GraphFormatError, LimitError } from '@arfuse/contract';
import type { Chunks, StreamOptions } from './byte-source.ts';

/** V8 refuses longer strings. */
const MAX_TEXT = 0x1fff_ffe8;

function notUtf8(options: StreamOptions, line?: number): GraphFormatError {
  return new GraphFormatError({
    message: 'the input is no UTF-8 text.',
    hint: 'Convert it to UTF-8, or give the file as the producer wrote it.',
    place: { file: options.source, ...(line === undefined ? {} : { line }) },
  });
}

/** Line, from 1, of the first byte that is no UTF-8. */
function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? bytes.length : end));
    } catch {
      return line;
    }
    if (end < 0) break;
    start = end + 1;
  }
  return line;
}

/** Decodes UTF-8, without a byte order mark. */
export function decodeText(bytes: Uint8Array, options: StreamOptions): string {
  if (bytes.length > MAX_TEXT) {
    throw new LimitError({
      message: `${bytes.length} bytes of text are more than one string can hold (${MAX_TEXT}).`,
      hint: 'Split the file; only trace logs are read as a stream.',
      place: { file: options.source },
      details: { bytes: bytes.length, limit: MAX_TEXT },
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw notUtf8(options, firstBadLine(bytes));
  }
}

/** Lines without their ends, one at a time; nothing but the current chunk and line is kept. */
export async function* readLines(chunks: Chunks, options: StreamOptions): AsyncGenerator<string[]> {
  const { maxLineLength } = options.limits;
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let pending: string[] = [];
  let pendingLength = 0;
  let count = 0;
  const tooLong = (): LimitError =>
    new LimitError({
      message: `a line is longer than ${maxLineLength} characters.`,
      hint: 'Raise limits.maxLineLength if the file is to be trusted.',
      place: { file: options.source, line: count + 1 },
      details: { maxLineLength },
    });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw notUtf8(options, count + 1);
    }
  };
  for await (const chunk of chunks) {
    options.signal?.throwIfAborted();
    const lines = decode(chunk).split('\n');
    const rest = lines.pop()!;
    if (lines.length > 0) {
      pending.push(lines[0]!);
      lines[0] = pending.join('');
      pending = [];
      pendingLength = 0;
      for (let i = 0; i < lines.length; i += 1) {
        const line = lines[i]!;
        if (line.length > maxLineLength) throw tooLong();
        if (line.endsWith('\r')) lines[i] = line.slice(0, -1);
        count += 1;
      }
      yield lines;
    }
    pending.push(rest);
    pendingLength += rest.length;
    if (pendingLength > maxLineLength) throw tooLong();
  }
  pending.push(decode());
  const last = pending.join('');
  if (last !== '') yield [last];
}
