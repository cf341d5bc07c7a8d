import { GraphFormatError, UnsupportedError } from '@arfuse/contract';
import type { ImportedProgram, ImportOptions, ImportResult, Skipped } from '../importer.ts';
import { fileChunks, openBytes, type StreamOptions } from '../input/byte-source.ts';
import { readOpened } from '../read-bytes.ts';
import { classify, FAMILIES, FAMILY_NAMES, type GraphFile, isPiece } from './classify.ts';
import { structuralDifference } from './compare-ranks.ts';
import { sniff } from './sniff.ts';
import { walk } from './walk.ts';

/** More files than this that are skipped for one reason are listed as one. */
const LISTED = 20;

/** Joins long lists of equal reasons. */
function summarise(skipped: readonly Skipped[]): Skipped[] {
  const byReason = new Map<string, Skipped[]>();
  for (const one of skipped) {
    const list = byReason.get(one.reason);
    if (list) list.push(one);
    else byReason.set(one.reason, [one]);
  }
  return [...byReason.values()].flatMap((list) =>
    list.length <= LISTED
      ? list
      : [{ what: `${list.length} files, such as ${list[0]!.what}`, reason: list[0]!.reason }],
  );
}

/** The programs of one group on one rank. */
interface RankFiles {
  readonly rank: number | undefined;
  readonly replica: number;
  readonly files: GraphFile[];
}

/** Files of the best family, by group, and within it by rank, the lowest first. */
function arrange(
  files: readonly GraphFile[],
  skipped: Skipped[],
  warnings: string[],
): RankFiles[][] {
  const family = FAMILIES.find((one) => files.some((file) => file.family === one));
  const groups = new Map<string, Map<string, RankFiles>>();
  const first = files.find((file) => file.family === family);
  for (const file of files) {
    if (file.family !== family) {
      skipped.push({
        what: file.file.path,
        reason: `${FAMILY_NAMES[family!]} are read instead (${first!.file.path}); give this file to read it`,
      });
      continue;
    }
    const ranks = groups.get(file.group) ?? new Map<string, RankFiles>();
    groups.set(file.group, ranks);
    const key = `${file.rank} ${file.replica}`;
    const known = ranks.get(key);
    if (known) known.files.push(file);
    else ranks.set(key, { rank: file.rank, replica: file.replica, files: [file] });
  }
  const left = files.filter((file) => file.family !== family).length;
  if (left > 0) {
    warnings.push(
      `${FAMILY_NAMES[family!]} are read; ${left} graph files of other kinds in the same directory are not.`,
    );
  }
  return [...groups.values()].map((ranks) =>
    [...ranks.values()].sort((a, b) => a.replica - b.replica || (a.rank ?? 0) - (b.rank ?? 0)),
  );
}

/** Of files that show one compile at several stages, those of one stage. */
function ofPreference(
  files: readonly GraphFile[],
  preference: number,
  skipped: Skipped[],
): GraphFile[] {
  const chosen = files.filter((file) => file.preference === preference);
  for (const file of files) {
    if (file.preference === preference) continue;
    const reason = chosen[0]
      ? `${chosen[0].stage} of the same compile is read`
      : 'the lowest rank is read at another stage, which this rank does not have';
    skipped.push({ what: file.file.path, reason });
  }
  return chosen;
}

const best = (files: readonly GraphFile[]): number =>
  Math.max(...files.map((file) => file.preference));

class DirectoryReader {
  readonly #stream: StreamOptions;
  readonly #options: ImportOptions;
  /** Files that are no part of what is read. */
  readonly found: Skipped[] = [];
  readonly skipped: Skipped[] = [];
  readonly warnings: string[] = [];
  /** Programs of higher ranks that stand in the same files. */
  readonly merged: ImportedProgram[] = [];
  /** Largest number of ranks that a file itself suggests. */
  rankCountHint = 1;

  constructor(stream: StreamOptions, options: ImportOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  async find(root: string): Promise<GraphFile[]> {
    const files: GraphFile[] = [];
    const { limits, signal } = this.#stream;
    for await (const file of walk(root, {
      limits,
      skipped: this.found,
      ...(signal ? { signal } : {}),
    })) {
      const found = await sniff(file.path, { ...this.#stream, source: file.path });
      if (found.kind === 'skip') this.found.push({ what: file.path, reason: found.reason });
      else files.push(classify(file, found.kind === 'trace'));
    }
    return files;
  }

  /** Programs of one group on one rank, at the stage of the given preference. */
  async read({ rank, replica, files }: RankFiles, preference: number): Promise<ImportedProgram[]> {
    const chosen = ofPreference(files, preference, this.skipped);
    if (chosen.some(isPiece)) {
      this.warnings.push(
        `${chosen[0]!.file.path}: debug dumps leave out pieces that were equal to another or came from a cache; computation_graph.py of the compile cache has all.`,
      );
    }
    const programs: ImportedProgram[] = [];
    for (const file of chosen) {
      const result = await this.#file(file);
      if (!result) continue;
      this.skipped.push(...result.skipped);
      this.warnings.push(...result.warnings);
      this.merged.push(...result.otherRanks);
      this.rankCountHint = Math.max(this.rankCountHint, result.rankCountHint ?? 1);
      for (const program of result.programs) {
        const name = programName(file, program, {
          alone: result.programs.length === 1,
          onlyFile: chosen.length === 1,
        });
        const own = rank ?? program.rank;
        const label = replica > 0 ? `${name} dp ${replica}` : name;
        const ranked = own === undefined ? {} : { rank: own };
        const graph = program.graph.with({
          meta: { ...program.graph.meta, name: label, ...ranked },
        });
        programs.push({ ...program, ...ranked, name: label, graph });
      }
    }
    return programs;
  }

  async #file(file: GraphFile): Promise<ImportResult | undefined> {
    const { path } = file.file;
    const stream = { ...this.#stream, source: path };
    const opened = await openBytes(fileChunks(path), stream);
    try {
      return await readOpened(opened, stream, this.#options, path);
    } catch (error) {
      // Archives and JSON of other kinds lie beside graphs; whoever gives one by name gets the error.
      if (!(error instanceof UnsupportedError)) throw error;
      this.skipped.push({ what: path, reason: error.message });
      return undefined;
    } finally {
      await opened.close();
    }
  }

  compare(
    programs: readonly ImportedProgram[],
    others: readonly ImportedProgram[],
    rank: number | undefined,
  ): void {
    if (others.length !== programs.length) {
      this.warnings.push(
        `rank ${rank} has ${others.length} graphs, rank ${programs[0]?.rank} has ${programs.length} of ${programs[0]?.name}.`,
      );
      return;
    }
    others.forEach((other, index) => {
      const reference = programs[index]!;
      const difference = structuralDifference(other.graph, reference.graph);
      if (difference)
        this.warnings.push(`${other.source} differs from ${reference.source}: ${difference}.`);
    });
  }
}

/** Name of a program: that of its group, of its file where a group has several, and its own where a file has several. */
function programName(
  { family, name, file }: GraphFile,
  program: ImportedProgram,
  { alone, onlyFile }: { readonly alone: boolean; readonly onlyFile: boolean },
): string {
  if (family === 'trace') return program.name;
  const base = onlyFile
    ? name
    : file.path.slice(file.path.lastIndexOf('/') + 1).replace(/(\.py)?(\.gz)?$/, '');
  return alone ? base : `${base} ${program.name}`;
}

/**
 * Reads a directory: a vLLM compile cache, vLLM debug dumps, TORCH_TRACE logs, tlparse payloads, or plain graph files,
 * found by content, also when gzip-compressed. The best kind that it holds is read (see `FAMILIES`); ranks are paired
 * by their folder or file names, and structural differences between them are warnings.
 * @throws GraphFormatError when nothing in it is a graph, or a graph file is damaged
 * @throws LimitError, IoError
 */
export async function readDirectory(
  path: string,
  stream: StreamOptions,
  options: ImportOptions,
): Promise<ImportResult> {
  const reader = new DirectoryReader(stream, options);
  const files = await reader.find(path);
  const groups = arrange(files, reader.found, reader.warnings);
  const programs: ImportedProgram[] = [];
  const otherRanks: ImportedProgram[] = [];
  const ranks = new Set<string>();
  for (const [lowest, ...others] of groups) {
    const preference = best(lowest!.files);
    const own = await reader.read(lowest!, preference);
    programs.push(...own);
    for (const one of [lowest!, ...others])
      if (one.rank !== undefined) ranks.add(`${one.rank} ${one.replica}`);
    for (const other of others) {
      const read = await reader.read(other, preference);
      if (read.length > 0) reader.compare(own, read, other.rank);
      otherRanks.push(...read);
    }
  }
  const skipped = [...summarise(reader.found), ...reader.skipped];
  if (programs.length === 0) {
    const seen = skipped
      .slice(0, 3)
      .map(({ what, reason }) => `${what}: ${reason}`)
      .join('; ');
    throw new GraphFormatError({
      message: `the directory ${JSON.stringify(path)} holds no captured graph${seen ? ` (${seen})` : ' (it is empty)'}.`,
      hint: 'Give a vLLM compile cache, a TORCH_TRACE folder, or a folder of graph dumps.',
      place: { file: path },
      details: { path, skipped: skipped.length },
    });
  }
  const rankCountHint = Math.max(ranks.size, reader.rankCountHint);
  return {
    programs,
    otherRanks: [...otherRanks, ...reader.merged],
    skipped,
    ...(rankCountHint > 1 ? { rankCountHint } : {}),
    warnings: reader.warnings,
  };
}
