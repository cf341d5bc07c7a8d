import { resolve } from 'node:path';
import { recordName, traceLevel } from '../trace/levels.ts';
import { rankOfName } from '../trace/rank.ts';
import type { FoundFile } from './walk.ts';

/**
 * What produced a file, best first: of one directory only the best family is read, since the others describe the same
 * compiles again, in parts.
 *
 * - `cache`: vLLM's compile cache, `rank_R_D/[PREFIX/]computation_graph.py`, written for every compiled model;
 * - `dump`: vLLM's debug dump, `rank_R[_dp_D]/__compiled_fn_N.STAGE.I.py`;
 * - `trace`: TORCH_TRACE logs;
 * - `payload`: records of such a log as files of their own (tlparse);
 * - `plain`: a graph file of no other family.
 */
export const FAMILIES = ['cache', 'dump', 'trace', 'payload', 'plain'] as const;
export type Family = (typeof FAMILIES)[number];

/** Families in words. */
export const FAMILY_NAMES: Readonly<Record<Family, string>> = {
  cache: 'computation graphs of the compile cache',
  dump: 'vLLM debug dumps',
  trace: 'trace logs',
  payload: 'payloads of a trace log',
  plain: 'graph files',
};

/** A graph file and the part that it plays. */
export interface GraphFile {
  readonly file: FoundFile;
  readonly family: Family;
  /** What it has in common with the same program's files on other ranks. */
  readonly group: string;
  /** Name of the group's program. */
  readonly name: string;
  readonly rank: number | undefined;
  /** Data-parallel index of vLLM's folders. */
  readonly replica: number;
  /** Within a group and rank only the files of the highest preference are read. */
  readonly preference: number;
  /** What a file of a lower preference is, for the reason why it is skipped. */
  readonly stage: string;
}

/** vLLM's folder of one rank: `rank_1_0`, `rank_1_dp_0`, `rank_1`. */
const RANK_FOLDER = /(?:^|\/)rank_(\d+)(?:(?:_dp)?_(\d+))?(?=\/|$)/g;

/** Stages of vLLM's debug dumps. The whole model before splitting comes first; pieces leave out what was cached. */
function dumpPreference(stage: string): number {
  if (/^before_split$/.test(stage)) return 100;
  if (/^Captured_Graph$/.test(stage)) return 95;
  if (/^after_split$/.test(stage)) return 90;
  const pass = /^post_grad\.(\d+)\..+\.(before|after)$/.exec(stage);
  if (pass) return pass[2] === 'before' ? Math.max(41, 80 - Number(pass[1])) : 5;
  if (/^BEFORE_POST_GRAD$/i.test(stage)) return 82;
  if (/^AFTER_POST_GRAD$/i.test(stage)) return 40;
  if (/^BEFORE_PRE_GRAD$/i.test(stage)) return 30;
  return 10;
}

/** Whether a stage of a debug dump shows pieces of the model, of which equal and cached ones are missing. */
export function isPiece(file: GraphFile): boolean {
  return file.family === 'dump' && file.preference < 90;
}

function rankOfFolder(
  path: string,
): { rank: number; replica: number; before: string; after: string } | undefined {
  const match = [...path.matchAll(RANK_FOLDER)].at(-1);
  if (!match) return undefined;
  return {
    rank: Number(match[1]),
    replica: Number(match[2] ?? 0),
    before: path.slice(0, match.index),
    after: path.slice(match.index + match[0].length + 1),
  };
}

const lastFolder = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Says what part a graph file plays, by its place in the directory. Its format is told by content elsewhere. */
export function classify(file: FoundFile, isTrace: boolean): GraphFile {
  const full = resolve(file.path).replaceAll('\\', '/');
  const base = lastFolder(full).replace(/\.gz$/, '');
  const where = full.slice(0, full.lastIndexOf('/'));
  const folder = rankOfFolder(where);
  const common = { file, replica: 0, preference: 1, stage: base } as const;

  if (folder && base === 'computation_graph.py') {
    const { before, after } = folder;
    const name = [lastFolder(before), after].filter(Boolean).join('/');
    return {
      ...common,
      family: 'cache',
      group: `${before}|${after}`,
      name,
      rank: folder.rank,
      replica: folder.replica,
    };
  }
  const dump = /^(__compiled_fn_\d+)\.(.+?)(?:\.\d+)?\.(?:py|txt)$/.exec(base);
  if (dump) {
    const [, name, stage] = dump as unknown as [string, string, string];
    return {
      ...common,
      family: 'dump',
      group: `${folder?.before ?? where}|${name}`,
      name,
      stage,
      rank: folder?.rank,
      replica: folder?.replica ?? 0,
      preference: dumpPreference(stage),
    };
  }
  const shared = where.replace(/rank_?\d+(_dp)?(_\d+)?/gi, 'rank');
  const rank = rankOfName(base) ?? folder?.rank;
  if (isTrace) return { ...common, family: 'trace', group: shared, name: base, rank };
  const record = payloadRecord(base);
  if (record) {
    const { before, name: stage, preference } = record;
    const name = before.replace(/[._-]+$/, '') || lastFolder(where);
    return {
      ...common,
      family: 'payload',
      group: `${shared}|${anyRank(before)}`,
      name,
      rank,
      stage,
      preference,
    };
  }
  return { ...common, family: 'plain', group: `${shared}|${anyRank(base)}`, name: base, rank };
}

const anyRank = (name: string): string => name.replace(/rank_?\d+/i, 'rank');

/** A trace record's name within a file name such as `rank0.f0.0.before_post_grad_graph.txt`. */
function payloadRecord(
  base: string,
): { before: string; name: string; preference: number } | undefined {
  for (const match of base.matchAll(/[a-z]+(?:_[a-z]+)*_graph/g)) {
    const name = recordName(match[0]);
    const level = traceLevel(name);
    if (level) return { before: base.slice(0, match.index), name, preference: level.preference };
  }
  return undefined;
}
