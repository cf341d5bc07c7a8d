import { UsageError } from '@arfuse/contract';
import {
  findSites,
  type Graph,
  type ImportedProgram,
  type ImportResult,
  readGraph,
} from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { readAll, sourceName } from './load-plan.ts';

export interface GraphOptions {
  /** Name or number of the program, where a source holds several. */
  readonly program?: string;
  readonly redact?: boolean;
  /** `--max-bytes`: largest input after decompression. */
  readonly maxBytes?: number;
}

export interface LoadedGraph {
  readonly graph: Graph;
  readonly result: ImportResult;
}

/**
 * Reads a source; `-` is standard input.
 * @param bytes - of standard input, where they were read already
 */
export async function loadSource(
  path: string,
  options: GraphOptions,
  console: Console,
  bytes?: Uint8Array,
): Promise<ImportResult> {
  const input = path === '-' ? (bytes ?? (await readAll(console.stdin))) : path;
  const result = await console.progress(`reading ${path}`, () =>
    readGraph(input, {
      source: sourceName(path),
      redact: options.redact ?? false,
      ...(options.maxBytes === undefined ? {} : { limits: { maxBytes: options.maxBytes } }),
    }),
  );
  for (const warning of result.warnings) console.note(`warning: ${warning}`);
  return result;
}

/** Programs by number and name, as `--program` takes them. */
function programList(programs: readonly ImportedProgram[]): string {
  const shown = programs
    .slice(0, 8)
    .map(({ name, graph }, i) => `${i + 1} "${name}" (${graph.nodes.length} nodes)`);
  return `${shown.join(', ')}${programs.length > 8 ? `, … ${programs.length} in all; \`arfuse inspect\` lists them` : ''}`;
}

/**
 * The program that `--program` names, by name or by number.
 * @throws UsageError when it names none, or several
 */
export function findProgram(programs: readonly ImportedProgram[], wanted: string): ImportedProgram {
  const named = programs.filter((program) => program.name === wanted);
  const found =
    named.length === 1 ? named[0] : /^\d+$/.test(wanted) ? programs[Number(wanted) - 1] : undefined;
  if (found) return found;
  throw new UsageError({
    message:
      named.length > 1
        ? `${named.length} programs are named "${wanted}".`
        : `there is no program "${wanted}".`,
    hint: `${named.length > 1 ? 'Choose by number' : 'The source holds'}: ${programList(programs)}.`,
    details: { program: wanted },
  });
}

/**
 * The program to work on: the one that `--program` names, or the one with the most all-reduces and then nodes. Says
 * on standard error when there was a choice.
 * @throws UsageError when `--program` names none
 */
export function selectProgram(
  result: ImportResult,
  options: GraphOptions,
  console: Console,
): ImportedProgram {
  const { programs } = result;
  if (options.program !== undefined) return findProgram(programs, options.program);
  if (programs.length === 1) return programs[0]!;
  const sized = programs.map((program, i) => ({
    program,
    number: i + 1,
    allReduces: findSites(program.graph).allReduces.length,
    nodes: program.graph.nodes.length,
  }));
  const [largest] = sized.sort(
    (a, b) => b.allReduces - a.allReduces || b.nodes - a.nodes || a.number - b.number,
  );
  console.note(
    `note: ${programs.length} programs; using ${largest!.number} "${largest!.program.name}", which has the most ` +
      `all-reduces (${largest!.allReduces}). Choose another with --program: ${programList(programs)}.`,
  );
  return largest!.program;
}

/** Reads a source and selects a program of it. */
export async function loadGraph(
  path: string,
  options: GraphOptions,
  console: Console,
  bytes?: Uint8Array,
): Promise<LoadedGraph> {
  const result = await loadSource(path, options, console, bytes);
  return { graph: selectProgram(result, options, console).graph, result };
}
