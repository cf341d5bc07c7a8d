import type { EngineReport, ReportLaunch, ReportPart, TimedChain } from '@arfuse/core';
import { micros, shortSteps } from './names.ts';

/** Launch sizes that follow each other and run the same today and at best. */
export interface ReportRow {
  readonly tokens: string;
  readonly ops: string;
  readonly today: string;
  readonly best: string;
  readonly todayUs: string;
  readonly bestUs: string;
  /** What the best saves, per step. */
  readonly savedUs: string;
  readonly evidence: string;
}

const kernels = (chain: TimedChain): string => shortSteps(chain.kernels);
const evidenceOf = ({ evidence }: TimedChain): string => evidence?.kind ?? 'not measured';

interface Cell {
  readonly launch: ReportLaunch;
  readonly part: ReportPart;
}

const keyOf = ({ launch, part }: Cell): string =>
  [
    launch.mode,
    kernels(part.today),
    kernels(part.best),
    evidenceOf(part.today),
    evidenceOf(part.best),
  ].join('|');

const perStep = ({ part }: Cell, { us }: TimedChain): number | null =>
  us === null ? null : us * part.ops;

function span(values: readonly (number | null)[]): string {
  if (values.some((value) => value === null)) return '-';
  const [first, last] = [values[0]!, values.at(-1)!];
  return first === last ? micros(first) : `${micros(first)}–${micros(last)}`;
}

function rowOf(cells: readonly Cell[]): ReportRow {
  const [first, last] = [cells[0]!, cells.at(-1)!];
  const { today, best } = last.part;
  const same = kernels(today) === kernels(best);
  const [now, then] = [evidenceOf(today), evidenceOf(best)];
  return {
    tokens:
      first.launch.tokens === last.launch.tokens
        ? String(first.launch.tokens)
        : `${first.launch.tokens}–${last.launch.tokens}`,
    ops: `${last.part.ops} × ${last.part.class}`,
    today: kernels(today),
    best: same ? 'as today' : kernels(best),
    todayUs: span(cells.map((cell) => perStep(cell, cell.part.today))),
    bestUs: span(cells.map((cell) => perStep(cell, cell.part.best))),
    savedUs: same
      ? '0'
      : span(
          cells.map((cell) => {
            const [a, b] = [perStep(cell, cell.part.today), perStep(cell, cell.part.best)];
            return a === null || b === null ? null : a - b;
          }),
        ),
    evidence: now === then ? now : `${now} / ${then}`,
  };
}

/** The launches as rows: one class after the other, neighbours that run the same joined. */
export function reportRows({ launches }: EngineReport): ReportRow[] {
  const classes = [...new Set(launches.flatMap(({ parts }) => parts.map((part) => part.class)))];
  return classes.flatMap((id) => {
    const groups: Cell[][] = [];
    for (const launch of launches) {
      const cell = { launch, part: launch.parts.find((part) => part.class === id)! };
      const last = groups.at(-1);
      if (last && keyOf(last[0]!) === keyOf(cell)) last.push(cell);
      else groups.push([cell]);
    }
    return groups.map(rowOf);
  });
}

/** Token counts in one phrase: `1, 2, 4 … 512`. */
export function tokenList(tokens: readonly number[]): string {
  if (tokens.length <= 6) return tokens.join(', ');
  return `${tokens.slice(0, 3).join(', ')} … ${tokens.at(-1)} (${tokens.length} sizes)`;
}

/** What the advised settings save, in phrases: one for each kind of evidence, over the launch sizes that change. */
export function savings({ advice }: EngineReport): string[] {
  const groups = new Map<string, { tokens: number; savedUs: number }[]>();
  for (const entry of advice?.perOp ?? []) {
    const group = groups.get(entry.evidence) ?? [];
    group.push(entry);
    groups.set(entry.evidence, group);
  }
  return [...groups].map(([evidence, entries]) => {
    const saved = entries.map(({ savedUs }) => savedUs);
    const [least, most] = [Math.min(...saved).toFixed(2), Math.max(...saved).toFixed(2)];
    const tokens = [...new Set(entries.map((entry) => entry.tokens))].sort((a, b) => a - b);
    return `saves ${least === most ? least : `${least} to ${most}`} µs per op at ${tokenList(tokens)} tokens (${evidence})`;
  });
}
