import type { Dirent } from 'node:fs';
import { LimitError } from '@arfuse/contract';
import type { ImportLimits, Skipped } from '../importer.ts';
import { ioError } from '../input/byte-source.ts';

/** A regular file below a directory. */
export interface FoundFile {
  /** Path as it is opened and shown: the directory as the user gave it, and what follows. */
  readonly path: string;
  /** Path from the directory, with `/`. */
  readonly relative: string;
}

/** `a.2` before `a.10`. */
const natural = new Intl.Collator('en', { numeric: true });

/** How {@link walk} is bounded. */
export interface WalkOptions {
  readonly limits: ImportLimits;
  readonly signal?: AbortSignal;
  readonly skipped: Skipped[];
}

/**
 * All regular files below a directory, folder by folder in natural order. A folder that is reached twice (by a
 * symbolic link) is entered once; broken links, sockets and devices are listed in `skipped`.
 * @throws IoError when a folder cannot be read
 * @throws LimitError for more than `limits.maxEntries` entries, or folders deeper than `limits.maxDepth`
 */
export async function* walk(root: string, options: WalkOptions): AsyncGenerator<FoundFile> {
  const fs = await import('node:fs/promises');
  const { limits, skipped } = options;
  const entered = new Set<string>();
  let entries = 0;

  const list = async (path: string): Promise<Dirent[]> => {
    try {
      return await fs.readdir(path, { withFileTypes: true });
    } catch (error) {
      throw ioError(error, path);
    }
  };
  const kindOf = async (path: string, entry: Dirent): Promise<'file' | 'folder' | 'other'> => {
    if (entry.isFile()) return 'file';
    if (entry.isDirectory()) return 'folder';
    if (!entry.isSymbolicLink()) return 'other';
    const target = await fs.stat(path).catch(() => undefined);
    return target?.isFile() ? 'file' : target?.isDirectory() ? 'folder' : 'other';
  };

  async function* folder(path: string, relative: string, depth: number): AsyncGenerator<FoundFile> {
    options.signal?.throwIfAborted();
    if (depth > limits.maxDepth) {
      throw new LimitError({
        message: `folders are nested deeper than ${limits.maxDepth} levels.`,
        hint: 'Give a folder nearer to the graphs, or raise limits.maxDepth.',
        place: { file: path },
        details: { maxDepth: limits.maxDepth },
      });
    }
    const real = await fs.realpath(path).catch((error: unknown) => {
      throw ioError(error, path);
    });
    if (entered.has(real)) {
      skipped.push({ what: path, reason: 'this folder was read by another path' });
      return;
    }
    entered.add(real);
    const children = (await list(path)).sort((a, b) => natural.compare(a.name, b.name));
    entries += children.length;
    if (entries > limits.maxEntries) {
      throw new LimitError({
        message: `the directory holds more than ${limits.maxEntries} entries.`,
        hint: 'Give the folder that holds the graphs, or raise limits.maxEntries.',
        place: { file: root },
        details: { maxEntries: limits.maxEntries },
      });
    }
    const folders: Dirent[] = [];
    for (const entry of children) {
      const kind = await kindOf(`${path}/${entry.name}`, entry);
      if (kind === 'folder') folders.push(entry);
      else if (kind === 'file')
        yield { path: `${path}/${entry.name}`, relative: `${relative}${entry.name}` };
      else skipped.push({ what: `${path}/${entry.name}`, reason: 'no regular file' });
    }
    for (const entry of folders)
      yield* folder(`${path}/${entry.name}`, `${relative}${entry.name}/`, depth + 1);
  }

  yield* folder(root.length > 1 ? root.replace(/[/\\]+$/, '') : root, '', 1);
}
