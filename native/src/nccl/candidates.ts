import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A place where NCCL may be. */
export interface NcclCandidate {
  readonly id: 'environment' | 'system' | 'python';
  /** A file, or a name that the system's loader looks for. */
  readonly path: string;
}

const NAME = 'libnccl.so.2';

/** Below a folder of Python packages: wheels of NCCL for every CUDA put it there. */
const WHEEL = join('nvidia', 'nccl', 'lib', NAME);

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Places in the order in which they are tried: the system's loader (`LD_LIBRARY_PATH`, `ld.so.conf`), then wheels in folders of
 * Python packages. `ARFUSE_NCCL_PATH`, a file or a folder, stands alone: what a user names is not passed over.
 */
export function ncclCandidates(
  env: Readonly<Record<string, string | undefined>>,
  folders: readonly string[],
): NcclCandidate[] {
  const named = env.ARFUSE_NCCL_PATH;
  if (named !== undefined && named !== '') {
    const below = isFolder(named) ? [join(named, NAME), join(named, 'lib', NAME)] : [named];
    const path = below.find((file) => existsSync(file)) ?? below[0]!;
    return [{ id: 'environment', path }];
  }
  const wheels = folders.map((folder) => join(folder, WHEEL)).filter((file) => existsSync(file));
  return [
    { id: 'system', path: NAME },
    ...wheels.map((path): NcclCandidate => ({ id: 'python', path })),
  ];
}
