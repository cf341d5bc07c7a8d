import { mismatch, type Reason } from './load-failure.ts';

/** Version of the running glibc; undefined on musl and where there is none. */
export function runningGlibc(): string | undefined {
  const report = process.report as { excludeNetwork?: boolean } & NodeJS.ProcessReport;
  const before = report.excludeNetwork;
  try {
    // Names of network peers are looked up otherwise, which can take seconds.
    report.excludeNetwork = true;
    const { header } = report.getReport() as {
      header?: { readonly glibcVersionRuntime?: string };
    };
    return header?.glibcVersionRuntime;
  } finally {
    if (before !== undefined) report.excludeNetwork = before;
  }
}

/**
 * The dynamic loader's words as what is needed and what there is, where it says so.
 * @param glibc - version of the running glibc, asked for only when it matters
 */
export function dlopenReason(
  error: unknown,
  glibc: () => string | undefined = runningGlibc,
): Reason {
  const { code = 'UNKNOWN', message = String(error) } = error as NodeJS.ErrnoException;
  const first = message.split('\n')[0]!;
  const [, library, version] = /version [`'"](GLIBC|GLIBCXX|CXXABI)_([\d.]+)['"] not found/.exec(
    first,
  ) ?? ['', '', ''];
  if (library === 'GLIBC')
    return mismatch('LIBC', `glibc ${version}`, `glibc ${glibc() ?? 'of an unknown version'}`);
  if (library !== '')
    return mismatch('LIBC', `libstdc++ with ${library}_${version}`, 'an older libstdc++');
  if (code === 'ERR_DLOPEN_FAILED' && glibc() === undefined)
    return mismatch('LIBC', 'glibc', 'another C library', ` (${first})`);
  if (/did not self-register/.test(first))
    return { code: 'NOT_ADDON', message: 'it is a library, but no addon of Node' };
  return { code, message: first };
}
