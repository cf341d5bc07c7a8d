import type { Admission, LaunchMode } from '@arfuse/contract';
import { type LaunchRun, rowsOf } from './launches.ts';

/** Inclusive token counts. */
export type TokenRange = readonly [min: number, max: number];

/** Where a run is admitted, and why not elsewhere. */
export interface RangedAdmission {
  /** Ascending, disjoint, not touching; each within one span of launches or joining neighbours. */
  readonly admitted: readonly TokenRange[];
  readonly refused: readonly { readonly tokens: TokenRange; readonly reasons: readonly string[] }[];
}

type Ask = (rows: { readonly min: number; readonly max: number }, mode: LaunchMode) => Admission;

interface Piece {
  readonly tokens: TokenRange;
  /** Null when admitted. */
  readonly reasons: readonly string[] | null;
}

const sameReasons = (a: readonly string[], b: readonly string[] | null): boolean =>
  b !== null && a.length === b.length && a.every((reason, i) => reason === b[i]);

/**
 * Splits a run of launches where the answer changes. Only ranges that the kernel admits as a whole are admitted, so an
 * admission is never violated; a window of admitted rows inside an octave that is refused at both ends and in the
 * middle is not looked for.
 */
function split(run: LaunchRun, first: number, last: number, ask: Ask, out: Piece[]): void {
  // A bisection asks about the same ends again and again.
  const known = new Map<number, readonly string[] | null>();
  const answer = (low: number, high: number): readonly string[] | null => {
    const key = low * run.count + high;
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = askRange(low, high);
    known.set(key, found);
    return found;
  };
  const askRange = (low: number, high: number): readonly string[] | null => {
    const [from, to] = [run.at(low), run.at(high)];
    const given = ask(
      { min: rowsOf(from.span, from.tokens), max: rowsOf(to.span, to.tokens) },
      run.mode,
    );
    return given.admitted ? null : given.reasons;
  };
  const piece = (low: number, high: number, reasons: readonly string[] | null): void => {
    out.push({ tokens: [run.at(low).min, run.at(high).tokens], reasons });
  };
  const visit = (low: number, high: number): void => {
    const whole = answer(low, high);
    if (whole === null || low === high) {
      piece(low, high, whole);
      return;
    }
    const middle = Math.floor((low + high) / 2);
    const [atLow, atHigh] = [answer(low, low), answer(high, high)];
    if (atLow !== null && atHigh !== null) {
      const everywhere = sameReasons(whole, atLow) && sameReasons(whole, atHigh);
      const withinOctave = run.at(high).tokens < run.at(low).tokens * 2;
      if (everywhere || (withinOctave && answer(middle, middle) !== null)) {
        piece(low, high, everywhere ? whole : atHigh);
        return;
      }
    }
    visit(low, middle);
    visit(middle + 1, high);
  };
  visit(first, last);
}

/** Admission over the whole token domain. */
export function rangedAdmission(runs: readonly LaunchRun[], ask: Ask): RangedAdmission {
  const pieces: Piece[] = [];
  for (const run of runs) split(run, 0, run.count - 1, ask, pieces);
  const admitted: [number, number][] = [];
  const refused: { tokens: [number, number]; reasons: readonly string[] }[] = [];
  for (const { tokens, reasons } of pieces) {
    const [min, max] = tokens;
    if (reasons === null) {
      const previous = admitted.at(-1);
      if (previous && previous[1] + 1 === min) previous[1] = max;
      else admitted.push([min, max]);
    } else {
      const previous = refused.at(-1);
      if (previous && previous.tokens[1] + 1 === min && sameReasons(previous.reasons, reasons))
        previous.tokens[1] = max;
      else refused.push({ tokens: [min, max], reasons });
    }
  }
  return { admitted, refused };
}

/** Token counts that are in every one of the lists. */
export function intersect(lists: readonly (readonly TokenRange[])[]): TokenRange[] {
  let common = lists[0] ?? [];
  for (const list of lists.slice(1)) {
    const next: TokenRange[] = [];
    for (const [a, b] of common) {
      for (const [c, d] of list) {
        const min = Math.max(a, c);
        const max = Math.min(b, d);
        if (min <= max) next.push([min, max]);
      }
    }
    common = next;
  }
  return [...common];
}

export function contains(ranges: readonly TokenRange[], tokens: number): boolean {
  return ranges.some(([min, max]) => min <= tokens && tokens <= max);
}
