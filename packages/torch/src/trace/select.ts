import type { Skipped } from '../importer.ts';
import type { Candidate, Compile, Loser } from './collect.ts';

/** A graph that is to be read, and the name of its program. */
export interface Selected {
  readonly name: string;
  readonly compile: Compile;
  readonly candidate: Candidate;
}

/** What a log's compiles come to. */
export interface Selection {
  readonly selected: readonly Selected[];
  readonly skipped: readonly Skipped[];
}

/**
 * One program per compile:
 *
 * - of several attempts the last one that has a graph, since Dynamo restarts an attempt that failed;
 * - with a whole-model record (vLLM's split graph, or the Dynamo graph of a frame that its backend compiled in several
 *   pieces), that record: pieces leave out what came from a cache, and repeat per token range;
 * - else the best level of the one piece (see `levels.ts`);
 * - pieces without a whole are programs of their own.
 *
 * Programs of one rank with equal text are read once.
 */
export function selectGraphs(compiles: readonly Compile[], source: string): Selection {
  const selected: Selected[] = [];
  const skipped: Skipped[] = [];
  const skip = ({ record, name }: Loser, reason: string): void => {
    skipped.push({ what: `${source}:${record.line} ${name}`, reason });
  };
  const latest = new Map<string, Compile>();
  for (const compile of compiles) {
    if (compile.pieces.length === 0 && compile.splits.length === 0) continue;
    const key = `${compile.rank} ${compile.id}`;
    const older = latest.get(key);
    latest.set(key, compile);
    if (!older) continue;
    for (const record of recordsOf(older))
      skip(record, `attempt ${older.attempt} was restarted as attempt ${compile.attempt}`);
  }
  for (const compile of latest.values()) {
    const wholes = wholeGraphs(compile);
    if (wholes.length > 0) {
      wholes.forEach((candidate, index) => {
        const name = wholes.length === 1 ? compile.id : `${compile.id} graph ${index}`;
        selected.push({ name, compile, candidate });
      });
      const [{ record: first, name }] = wholes as [Candidate];
      for (const record of recordsOf(compile)) {
        if (wholes.some((whole) => whole.record === record.record)) continue;
        skip(record, `${name} shows the whole program and is read (line ${first.line})`);
      }
      continue;
    }
    compile.pieces.forEach(({ best, losers }, index) => {
      const name = compile.pieces.length === 1 ? compile.id : `${compile.id} piece ${index}`;
      selected.push({ name, compile, candidate: best });
      for (const loser of losers)
        skip(loser, `${best.name} of the same compile is read (line ${best.record.line})`);
    });
  }
  const texts = new Map<string, Selected>();
  const distinct = selected.filter((one) => {
    // Ranks are compared later; only repeats within one rank are dropped.
    const key = `${one.compile.rank} ${one.candidate.text}`;
    const twin = texts.get(key);
    if (twin)
      skip(
        one.candidate,
        `its text equals that of ${twin.name} (line ${twin.candidate.record.line})`,
      );
    else texts.set(key, one);
    return !twin;
  });
  return { selected: distinct, skipped };
}

/** Graphs of a compile that show whole programs: vLLM's, or the frame's where its backend saw only pieces. */
function wholeGraphs({ splits, pieces, dynamo }: Compile): readonly Candidate[] {
  if (splits.length > 0) return splits;
  return pieces.length > 1 && dynamo ? [dynamo] : [];
}

/** Every graph record of a compile, in the order of the log. */
function recordsOf(compile: Compile): Loser[] {
  const pieces = compile.pieces.flatMap((piece): Loser[] => [piece.best, ...piece.losers]);
  return [...compile.splits, ...pieces].sort((a, b) => a.record.line - b.record.line);
}
