import { join } from 'node:path';

/** A place where the addon may be. */
export interface BinaryCandidate {
  readonly id: 'environment' | 'local' | 'package';
  /** A file, or the module name of a platform package's binary. */
  readonly path: string;
}

/** Platform packages by `platform-arch`. */
export const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@arfuse/native-linux-x64-cuda13',
};

/** What Node calls this platform, as {@link PLATFORM_PACKAGES} does. */
export const thisPlatform = (): string => `${process.platform}-${process.arch}`;

/**
 * Places in the order in which they are tried. `ARFUSE_NATIVE_BINARY` stands alone: what a user names is not passed over.
 * @param folder - the folder of this package; undefined where it was bundled into an application, which has no local build
 */
export function binaryCandidates(
  env: Readonly<Record<string, string | undefined>>,
  folder: string | undefined,
  platform = thisPlatform(),
): BinaryCandidate[] {
  const named = env.ARFUSE_NATIVE_BINARY;
  if (named !== undefined && named !== '') return [{ id: 'environment', path: named }];
  const packaged = PLATFORM_PACKAGES[platform];
  return [
    ...(folder === undefined
      ? []
      : [{ id: 'local' as const, path: join(folder, 'build', 'Release', 'arfuse.node') }]),
    ...(packaged === undefined
      ? []
      : [{ id: 'package' as const, path: `${packaged}/arfuse.node` }]),
  ];
}
