import type { LaunchMode, Target } from '@arfuse/contract';

/** A token range whose launches are alike: all padded to one row count, or each of its own size. */
export interface LaunchSpan {
  readonly mode: LaunchMode;
  /** Inclusive token counts. */
  readonly min: number;
  readonly max: number;
  /** Rows that are launched for every token count of the span; null when rows = tokens. */
  readonly padded: number | null;
}

/**
 * The token domain `[1, tokens.max]` as launches: engines pad up to the next bucket, captured up to `graphUpTo`, eager
 * above; beyond the last bucket every token count is launched as it is.
 */
export function launchSpans({ tokens }: Target): LaunchSpan[] {
  const spans: LaunchSpan[] = [];
  let next = 1;
  for (const bucket of tokens.buckets) {
    spans.push({
      mode: bucket <= tokens.graphUpTo ? 'graph' : 'eager',
      min: next,
      max: bucket,
      padded: bucket,
    });
    next = bucket + 1;
  }
  if (next <= tokens.max) spans.push({ mode: 'eager', min: next, max: tokens.max, padded: null });
  return spans;
}

/** The row count of a launch of `tokens` tokens. */
export function rowsOf(span: LaunchSpan, tokens: number): number {
  return span.padded ?? tokens;
}

/** Launches of one mode that follow each other: padded buckets, or every token count of an open span. */
export interface LaunchRun {
  readonly mode: LaunchMode;
  readonly count: number;
  /** The `index`-th launch: its span, its largest token count and its smallest. */
  at(index: number): { readonly span: LaunchSpan; readonly min: number; readonly tokens: number };
  /** Indices at which to look: both ends, a few per octave, and those around the given token counts; ascending. */
  points(edges: readonly number[]): number[];
}

/** Points per doubling of the token count at which a run is looked at, besides edges. */
const POINTS_PER_OCTAVE = 4;

function octavePoints(max: number): number[] {
  const points: number[] = [];
  for (let octave = 1; octave <= max; octave *= 2) {
    for (let i = 0; i < POINTS_PER_OCTAVE; i += 1)
      points.push(octave + Math.floor((octave * i) / POINTS_PER_OCTAVE));
  }
  return points;
}

function ascending(count: number, indices: Iterable<number>): number[] {
  const found = new Set<number>([0, count - 1]);
  for (const index of indices) if (index >= 0 && index < count) found.add(index);
  return [...found].sort((a, b) => a - b);
}

function openRun(span: LaunchSpan): LaunchRun {
  const count = span.max - span.min + 1;
  return {
    mode: span.mode,
    count,
    at: (index) => ({ span, min: span.min + index, tokens: span.min + index }),
    points: (edges) =>
      ascending(
        count,
        [...octavePoints(span.max), ...edges].map((tokens) => tokens - span.min),
      ),
  };
}

function paddedRun(spans: readonly LaunchSpan[]): LaunchRun {
  return {
    mode: spans[0]!.mode,
    count: spans.length,
    at: (index) => ({ span: spans[index]!, min: spans[index]!.min, tokens: spans[index]!.max }),
    points: (edges) => {
      const last = spans.at(-1)!.max;
      const indices: number[] = [];
      for (const tokens of [...octavePoints(last), ...edges]) {
        // The bucket that serves the token count, and its neighbours.
        const index = spans.findIndex((span) => tokens <= span.max);
        indices.push(index - 1, index, index + 1);
      }
      return ascending(spans.length, indices);
    },
  };
}

/** The spans as runs, in order. */
export function launchRuns(spans: readonly LaunchSpan[]): LaunchRun[] {
  const runs: LaunchRun[] = [];
  for (let i = 0; i < spans.length; ) {
    const { mode, padded } = spans[i]!;
    let end = i + 1;
    if (padded === null) runs.push(openRun(spans[i]!));
    else {
      while (end < spans.length && spans[end]!.mode === mode && spans[end]!.padded !== null)
        end += 1;
      runs.push(paddedRun(spans.slice(i, end)));
    }
    i = end;
  }
  return runs;
}
