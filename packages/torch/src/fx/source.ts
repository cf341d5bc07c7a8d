import { GraphFormatError, LimitError, type Place } from '@arfuse/contract';
import { cut } from '../quote.ts';

/** One graph text, cleaned of log prefixes, that can still say where each character came from. */
export interface FxSource {
  readonly text: string;
  readonly file: string | undefined;
  /** Lines before the first line of `text` in the file. */
  readonly lineOffset: number;
  /** Original line (from 1) of each line of `text`; absent when nothing was taken out. */
  readonly lines?: readonly number[];
  /** Characters that were cut from the start of each line. */
  readonly shifts?: readonly number[];
  readonly rank?: number;
}

/** Original line number of the `index`-th line (from 0) of a source. */
export function lineOf(source: FxSource, index: number): number {
  return (source.lines?.[index] ?? index + 1) + source.lineOffset;
}

/** Where an offset stands in the file. Counts lines: for errors only. */
export function placeAt(source: FxSource, offset: number): Place {
  const at = Math.min(offset, source.text.length);
  let index = 0;
  let start = 0;
  for (
    let end = source.text.indexOf('\n');
    end >= 0 && end < at;
    end = source.text.indexOf('\n', start)
  ) {
    index += 1;
    start = end + 1;
  }
  return {
    file: source.file ?? '<text>',
    line: lineOf(source, index),
    column: at - start + 1 + (source.shifts?.[index] ?? 0),
  };
}

/** The text from an offset to the end of its line, shortened for a message. */
export function excerpt(text: string, offset: number, length = 60): string {
  const end = text.indexOf('\n', offset);
  const line = text.slice(offset, end < 0 ? undefined : end).trimEnd();
  return cut(line, length);
}

/** @throws GraphFormatError always */
export function formatError(
  source: FxSource,
  offset: number,
  message: string,
  hint: string,
): never {
  throw new GraphFormatError({ message, hint, place: placeAt(source, offset) });
}

/** @throws LimitError always */
export function limitError(
  source: FxSource,
  offset: number,
  message: string,
  limit: string,
): never {
  throw new LimitError({
    message,
    hint: `Raise limits.${limit} if the file is to be trusted.`,
    place: placeAt(source, offset),
  });
}

export const TRUNCATED = 'The file is cut off or damaged; copy or capture it again.';
