import { GraphFormatError } from '@arfuse/contract';
import type { Chunks, StreamOptions } from '../input/byte-source.ts';
import { TRACE_LINE } from '../input/detect.ts';
import { readLines } from '../input/text.ts';

/** One record: its envelope, and the line after which its payload stands. */
export interface TraceRecord {
  /** `dynamo_output_graph`, or `artifact NAME` and `graph_dump NAME` for the two kinds that carry names. */
  readonly kind: string;
  /** Content of the envelope's own member, e.g. `{"name": …}` of an artifact. */
  readonly data: unknown;
  readonly rank: number | undefined;
  /** `frame/compile` such as `0/1`; undefined outside of a Dynamo frame. */
  readonly compile: string | undefined;
  readonly attempt: number;
  /** MD5 of the payload, when there is one. */
  readonly payloadMd5: string | undefined;
  /** Line of the envelope, from 1. */
  readonly line: number;
}

/** Receives a log as it streams by. */
export interface TraceVisitor {
  /** Whether the record's payload is wanted; other payloads are not kept. */
  record(record: TraceRecord): boolean;
  /** The payload of a record that was wanted: its lines without their leading tab. */
  payload(record: TraceRecord, text: string): void;
  /** A line that is neither a record nor payload. */
  stray(line: number): void;
}

/** Members of an envelope that do not name its kind. */
const COMMON = new Set([
  'rank',
  'frame_id',
  'frame_compile_id',
  'attempt',
  'has_payload',
  'compiled_autograd_id',
  'stack',
  'thread',
  'pathname',
  'lineno',
  'timestamp',
  'process',
]);

const int = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) ? value : undefined;

function parseEnvelope(text: string, column: number, line: number, source: string): TraceRecord {
  let envelope: Record<string, unknown>;
  try {
    envelope = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new GraphFormatError({
      message: `the envelope of this trace record is no JSON (${(error as Error).message}).`,
      hint: 'The log is damaged or cut off; copy or capture it again.',
      place: { file: source, line, column },
      cause: error,
    });
  }
  const key = Object.keys(envelope).find((name) => !COMMON.has(name)) ?? 'unknown';
  const data = envelope[key];
  const name =
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>).name : undefined;
  const named = (key === 'artifact' || key === 'graph_dump') && typeof name === 'string';
  const frame = int(envelope.frame_id);
  return {
    kind: named ? `${key} ${name}` : key,
    data,
    rank: int(envelope.rank),
    compile: frame === undefined ? undefined : `${frame}/${int(envelope.frame_compile_id) ?? 0}`,
    attempt: int(envelope.attempt) ?? 0,
    payloadMd5: typeof envelope.has_payload === 'string' ? envelope.has_payload : undefined,
    line,
  };
}

/**
 * Reads a TORCH_TRACE log line by line: `V0804 12:34:12.816000 PID file:line] {envelope}`, then the payload's lines,
 * each with one leading tab.
 * @throws GraphFormatError for an envelope that is no JSON
 */
export async function visitTrace(
  chunks: Chunks,
  options: StreamOptions,
  visitor: TraceVisitor,
): Promise<void> {
  let current: TraceRecord | undefined;
  let payload: string[] | undefined;
  let number = 0;
  const finish = (): void => {
    if (current && payload) visitor.payload(current, payload.join('\n'));
    payload = undefined;
  };
  for await (const lines of readLines(chunks, options)) {
    for (const line of lines) {
      number += 1;
      if (line.startsWith('\t') && current?.payloadMd5 !== undefined) {
        payload?.push(line.slice(1));
        continue;
      }
      const prefix = TRACE_LINE.exec(line)?.[0];
      if (prefix === undefined) {
        if (line !== '') visitor.stray(number);
        continue;
      }
      finish();
      current = parseEnvelope(line.slice(prefix.length), prefix.length + 1, number, options.source);
      if (visitor.record(current) && current.payloadMd5 !== undefined) payload = [];
    }
  }
  finish();
}
