import { createHash } from 'node:crypto';
import type { SymbolInfo } from '@arfuse/graph';
import type { Skipped } from '../importer.ts';
import { exactInteger } from '../integers.ts';
import { cut } from '../quote.ts';
import { notReadReason, recordName, SPLIT_GRAPH, type TraceLevel, traceLevel } from './levels.ts';
import type { TraceRecord, TraceVisitor } from './record.ts';

/** A graph record with its text. */
export interface Candidate {
  readonly record: TraceRecord;
  readonly name: string;
  readonly level: TraceLevel;
  readonly text: string;
}

/** A graph record that lost against a better one; its text is dropped. */
export type Loser = Pick<Candidate, 'record' | 'name'>;

/** What one run of a backend was given: records in pipeline order. Only the best text is kept. */
export interface Piece {
  best: Candidate;
  readonly losers: Loser[];
  /** Stage of the latest record. */
  order: number;
  /** Records of each name occur once per piece. */
  readonly names: Set<string>;
}

/** One attempt of one compile. */
export interface Compile {
  readonly rank: number | undefined;
  readonly id: string;
  readonly attempt: number;
  /** The graph of the whole frame. */
  dynamo: Candidate | undefined;
  /** vLLM's splits of whole models. */
  readonly splits: Candidate[];
  readonly pieces: Piece[];
  readonly symbols: Map<string, SymbolInfo>;
  /** Text of guards `Eq(a, b)`. */
  readonly equalities: Set<string>;
}

const bound = (text: string): number | bigint | null => {
  if (!/^-?\d+$/.test(text)) return null;
  return exactInteger(text) ?? null;
};

/** Gathers a log's graphs by compile. Payloads that lose against a better level are dropped at once. */
export class TraceCollector implements TraceVisitor {
  readonly compiles: Compile[] = [];
  readonly skipped: Skipped[] = [];
  readonly warnings: string[] = [];
  torch: string | undefined;
  worldSize: number | undefined;
  readonly #source: string;
  readonly #other = new Map<string, number>();
  #strays: { first: number; count: number } | undefined;
  /** The latest compile of each rank: one log may hold several. */
  readonly #current = new Map<number | undefined, Compile>();
  readonly #byKey = new Map<string, Compile>();

  constructor(source: string) {
    this.#source = source;
  }

  record(record: TraceRecord): boolean {
    const name = recordName(record.kind);
    if (name === 'create_symbol' || name === 'create_unbacked_symbol') this.#symbol(record);
    else if (name === 'guard_added' || name === 'guard_added_fast') this.#guard(record);
    if (traceLevel(name)) return true;
    this.#other.set(name, (this.#other.get(name) ?? 0) + 1);
    return name === 'torch_version' || name === 'fx_graph_runnable';
  }

  payload(record: TraceRecord, text: string): void {
    const name = recordName(record.kind);
    const level = traceLevel(name);
    if (!level) {
      if (name === 'torch_version')
        this.torch = /"(?:py)?torch_version"\s*:\s*"([^"]+)"/.exec(text)?.[1];
      // A repro script states the size of the fake group that it needs.
      else if (text.includes('FakeStore'))
        this.worldSize ??= Number(/\bworld_size=(\d+)/.exec(text)?.[1] ?? Number.NaN) || undefined;
      return;
    }
    if (text.trim() === '') {
      this.#skip(record, name, 'it has no payload');
      return;
    }
    const md5 = createHash('md5').update(text).digest('hex');
    if (md5 !== record.payloadMd5) {
      this.warnings.push(
        `${this.#source}:${record.line}: the payload of ${name} has MD5 ${md5}, its record says ${cut(record.payloadMd5!)}; the log was edited or damaged.`,
      );
    }
    this.#add({ record, name, level, text });
  }

  stray(line: number): void {
    if (this.#strays) this.#strays.count += 1;
    else this.#strays = { first: line, count: 1 };
  }

  /** Call once after the last record. */
  finish(): void {
    const byReason = new Map<string, string[]>();
    for (const [name, count] of this.#other) {
      const reason = notReadReason(name);
      byReason.set(reason, [
        ...(byReason.get(reason) ?? []),
        count === 1 ? cut(name) : `${count} × ${cut(name)}`,
      ]);
    }
    for (const [reason, names] of byReason)
      this.skipped.push({ what: `${this.#source}: ${names.join(', ')}`, reason });
    if (this.#strays) {
      const { first, count } = this.#strays;
      this.skipped.push({
        what: `${count} lines, the first at ${this.#source}:${first}`,
        reason: 'no trace records',
      });
    }
  }

  #add(candidate: Candidate): void {
    const compile = this.#compileOf(candidate.record);
    if (candidate.name === SPLIT_GRAPH) {
      compile.splits.push(candidate);
      return;
    }
    if (candidate.name === 'dynamo_output_graph') compile.dynamo = candidate;
    const piece = compile.pieces.at(-1);
    const { order, preference, begins } = candidate.level;
    if (!piece || begins || order < piece.order || piece.names.has(candidate.name)) {
      compile.pieces.push({
        best: candidate,
        losers: [],
        order,
        names: new Set([candidate.name]),
      });
      return;
    }
    piece.names.add(candidate.name);
    const wins = preference >= piece.best.level.preference;
    const { record, name } = wins ? piece.best : candidate;
    piece.losers.push({ record, name });
    if (wins) piece.best = candidate;
    piece.order = order;
  }

  /** Records outside of a frame belong to the frame whose backend is running: the latest one. */
  #compileOf(record: TraceRecord): Compile {
    const { rank, compile: id, attempt } = record;
    const found =
      id === undefined ? this.#current.get(rank) : this.#byKey.get(`${rank} ${id} ${attempt}`);
    const compile = found ?? this.#newCompile(rank, id ?? 'no frame', attempt);
    this.#current.set(rank, compile);
    return compile;
  }

  #newCompile(rank: number | undefined, id: string, attempt: number): Compile {
    const compile: Compile = {
      rank,
      id,
      attempt,
      dynamo: undefined,
      splits: [],
      pieces: [],
      symbols: new Map(),
      equalities: new Set(),
    };
    this.compiles.push(compile);
    this.#byKey.set(`${rank} ${id} ${attempt}`, compile);
    return compile;
  }

  #symbol(record: TraceRecord): void {
    const data = record.data as Record<string, unknown> | null;
    const name = data?.symbol;
    if (typeof name !== 'string') return;
    const range = typeof data?.vr === 'string' ? /\[(\S+), (\S+)\]/.exec(data.vr) : null;
    const hint = typeof data?.val === 'string' ? bound(data.val) : null;
    this.#compileOf(record).symbols.set(name, {
      name,
      min: range ? bound(range[1]!) : null,
      max: range ? bound(range[2]!) : null,
      ...(hint === null ? {} : { hint }),
    });
  }

  #guard(record: TraceRecord): void {
    const expr = (record.data as Record<string, unknown> | null)?.expr;
    if (typeof expr === 'string' && expr.startsWith('Eq('))
      this.#compileOf(record).equalities.add(expr);
  }

  #skip(record: TraceRecord, name: string, reason: string): void {
    this.skipped.push({ what: `${this.#source}:${record.line} ${name}`, reason });
  }
}
