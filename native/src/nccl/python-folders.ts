import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

/** Where to look for Python besides the environment. */
export interface PythonRoots {
  /** Prefixes with `lib/python3.x` below them. */
  readonly prefixes?: readonly string[];
}

/** Prefixes that systems and container images use. */
const COMMON_PREFIXES: readonly string[] = [
  join(homedir(), '.local'),
  '/usr/local',
  '/usr',
  '/opt/conda',
  '/opt/venv',
];

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Prefixes of each `python3` on the path: where its link stands (a virtual environment), and where the program stands. */
function prefixesOnPath(path: string): string[] {
  return path.split(delimiter).flatMap((folder) => {
    const program = join(folder, 'python3');
    if (folder === '' || !existsSync(program)) return [];
    return [dirname(folder), dirname(dirname(realpathSync(program)))];
  });
}

/** `python3.13` before `python3.9`. */
const minorOf = (name: string): number => Number(/^python3\.(\d+)/.exec(name)?.[1] ?? -1);

/**
 * Folders of Python packages in the order of their importance: of the active environment (`VIRTUAL_ENV`, `CONDA_PREFIX`), of
 * each `python3` on `PATH`, of common prefixes. Runs no program.
 */
export function pythonFolders(
  env: Readonly<Record<string, string | undefined>>,
  { prefixes = COMMON_PREFIXES }: PythonRoots = {},
): string[] {
  const active = [env.VIRTUAL_ENV, env.CONDA_PREFIX].filter((prefix) => prefix !== undefined);
  const roots = [...active, ...prefixesOnPath(env.PATH ?? ''), ...prefixes];
  const folders = [...new Set(roots.filter((root) => root !== ''))].flatMap((root) =>
    ['lib', 'lib64'].flatMap((lib) =>
      entries(join(root, lib))
        .filter((name) => /^python3(\.\d+)?$/.test(name))
        .sort((a, b) => minorOf(b) - minorOf(a))
        .flatMap((name) =>
          ['site-packages', 'dist-packages'].map((kind) => join(root, lib, name, kind)),
        ),
    ),
  );
  return [...new Set(folders)].filter((folder) => existsSync(folder));
}
