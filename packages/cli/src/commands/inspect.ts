import { findSites, type ImportedProgram, type ImportResult } from '@arfuse/core';
import { findProgram, type GraphOptions, loadSource } from '../load/load-graph.ts';
import { plural } from '../output/names.ts';
import { textTable } from '../output/text-table.ts';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

/** Reasons for skipping that are listed; `--json` has every file and record. */
const LISTED = 12;

interface Inspection {
  readonly name: string;
  readonly source: string;
  readonly rank?: number;
  readonly format: string;
  readonly level: string;
  readonly nodes: number;
  readonly inputs: number;
  readonly symbols: readonly string[];
  readonly allReduces: number;
  readonly sites: number;
  readonly merged: number;
  readonly plain: number;
  readonly alreadyFused: number;
  readonly groups: readonly string[];
  readonly patterns: Readonly<Record<string, number>>;
  readonly misses: readonly {
    readonly allReduce: string;
    readonly phase: string;
    readonly node: string;
    readonly reason: string;
  }[];
  readonly warnings: readonly string[];
}

function inspectProgram({ name, source, rank, graph }: ImportedProgram): Inspection {
  const matching = findSites(graph);
  const patterns: Record<string, number> = {};
  for (const { pattern } of matching.sites) patterns[pattern] = (patterns[pattern] ?? 0) + 1;
  const nodeName = (id: number): string => graph.node(id).name;
  return {
    name,
    source,
    ...(rank === undefined ? {} : { rank }),
    format: graph.meta.format,
    level: graph.meta.level,
    nodes: graph.nodes.length,
    inputs: graph.inputs.length,
    symbols: [...graph.symbols.keys()],
    allReduces: matching.allReduces.length,
    sites: matching.sites.length,
    merged: matching.sites.filter((site) => site.allReduces.length > 1).length,
    plain: matching.misses.length,
    alreadyFused: matching.alreadyFused.length,
    groups: matching.groups,
    patterns,
    misses: matching.misses.map((miss) => ({
      allReduce: nodeName(miss.allReduce),
      phase: miss.phase,
      node: nodeName(miss.node),
      reason: miss.reason,
    })),
    warnings: graph.meta.warnings ?? [],
  };
}

/** Up to eight names, and how many more. */
function some(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  return names.length <= 8
    ? names.join(' ')
    : `${names.slice(0, 8).join(' ')} and ${names.length - 8} more`;
}

function printProgram(program: Inspection, number: string, console: Console): void {
  const { color } = console;
  console.line(
    `${color.bold(`${number}${program.name}`)}  ${color.dim(`${program.format}, ${program.level} level`)}`,
  );
  const {
    nodes,
    inputs,
    symbols,
    groups,
    allReduces,
    sites,
    patterns,
    merged,
    plain,
    alreadyFused,
  } = program;
  console.line(
    paragraph(
      `${plural(nodes, 'node')}, ${plural(inputs, 'input')}; symbols: ${some(symbols)}; groups: ` +
        `${some(groups.map((group) => `"${group}"`))}`,
      '  ',
      4,
    ),
  );
  const kinds = Object.entries(patterns).map(([pattern, count]) => `${count} ${pattern}`);
  console.line(
    paragraph(
      `${plural(allReduces, 'all-reduce')}: ${plural(sites, 'site')}${kinds.length > 0 ? ` (${kinds.join(', ')})` : ''}, ` +
        `${merged} merged, ${plain} plain, ${alreadyFused} already fused`,
      '  ',
      4,
    ),
  );
  if (program.misses.length > 0) {
    console.line(
      textTable(
        [{ title: 'plain' }, { title: 'ended at' }, { title: 'why', flexible: true }],
        program.misses.map((miss) => [miss.allReduce, `${miss.phase} ${miss.node}`, miss.reason]),
        { indent: 2 },
      ),
    );
  }
  for (const warning of program.warnings) console.line(paragraph(warning, '  warning: ', 4));
}

/** What was not read: one entry per reason, with the first of its files or records. */
function printSkipped(skipped: ImportResult['skipped'], path: string, console: Console): void {
  if (skipped.length === 0) return;
  const short = (text: string): string => text.replaceAll(`${path.replace(/\/+$/, '')}/`, '');
  const byReason = new Map<string, string[]>();
  for (const { what, reason } of skipped) {
    const known = byReason.get(reason);
    if (known) known.push(short(what));
    else byReason.set(reason, [short(what)]);
  }
  console.line(`\nskipped ${skipped.length}:`);
  for (const [reason, [first = '', ...others]] of [...byReason].slice(0, LISTED)) {
    const more = others.length === 0 ? '' : ` and ${others.length} more`;
    console.line(paragraph(`${first}${more}: ${short(reason)}`, '  ', 4));
  }
  if (byReason.size > LISTED)
    console.line(`  … and ${byReason.size - LISTED} other reasons; --json lists all`);
}

function printOtherRanks({ otherRanks, rankCountHint }: ImportResult, console: Console): void {
  if (otherRanks.length === 0) return;
  const ranks = rankCountHint === undefined ? '' : ` (${plural(rankCountHint, 'rank')} in all)`;
  console.line(`\n${plural(otherRanks.length, 'program')} of other ranks${ranks}`);
}

/** `arfuse inspect GRAPH`: what a source holds, without a target. */
export async function inspect(
  path: string,
  options: GraphOptions,
  console: Console,
): Promise<number> {
  const result = await loadSource(path, options, console);
  const chosen =
    options.program === undefined
      ? result.programs
      : [findProgram(result.programs, options.program)];
  const programs = chosen.map(inspectProgram);
  console.document({
    programs,
    otherRanks: result.otherRanks.map(({ name, source, rank }) => ({ name, source, rank })),
    ...(result.rankCountHint === undefined ? {} : { rankCountHint: result.rankCountHint }),
    skipped: result.skipped,
    warnings: result.warnings,
  });
  if (console.json) return EXIT.fine;
  programs.forEach((program, i) => {
    if (i > 0) console.line();
    printProgram(
      program,
      result.programs.length > 1 ? `${result.programs.indexOf(chosen[i]!) + 1} ` : '',
      console,
    );
  });
  printOtherRanks(result, console);
  printSkipped(result.skipped, path, console);
  return EXIT.fine;
}
