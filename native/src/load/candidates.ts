import { join } from 'node:path';

/** A place where the addon may be. */
export interface BinaryCandidate {
  readonly id: 'environment' | 'local' | 'package';
  /** A file, or the module name of a platform package's binary. */
  readonly path: string;
}

/** Platform packages by `platform-arch`; written out so that bundlers see the names. */
const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@arfuse/native-linux-x64-cuda13/arfuse.node',
};

/**
 * Places in the order in which they are tried. `ARFUSE_NATIVE_BINARY` stands alone: what a user names is not passed over.
 * @param folder - the folder of this package
 */
export function binaryCandidates(
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
  platform = `${process.platform}-${process.arch}`,
): BinaryCandidate[] {
  const named = env.ARFUSE_NATIVE_BINARY;
  if (named !== undefined && named !== '') return [{ id: 'environment', path: named }];
  const local = join(folder, 'build', 'Release', 'arfuse.node');
  const packaged = PLATFORM_PACKAGES[platform];
  return [
    { id: 'local', path: local },
    ...(packaged === undefined ? [] : [{ id: 'package' as const, path: packaged }]),
  ];
}
