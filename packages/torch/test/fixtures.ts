import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** Folder of the real captures that tests read in place. */
export const FIXTURES =
  process.env.ARFUSE_SHARED_FIXTURES?.replace(/\/?$/, '/') ??
  fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url));

/** Why tests on real captures are skipped, or false. */
export const ABSENT: string | false = existsSync(`${FIXTURES}graphs`)
  ? false
  : `(skipped: no third-party captures at ${FIXTURES})`;

export const fixture = (path: string): string => `${FIXTURES}${path}`;

export function bytes(path: string): Buffer {
  return readFileSync(fixture(path));
}

/** Content of a fixture, decompressed when it is gzip. */
export function plain(path: string): Buffer {
  const raw = bytes(path);
  return raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
}

/** All files below a fixture folder, relative to `FIXTURES`. */
export function filesBelow(path: string): string[] {
  return readdirSync(fixture(path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      `${entry.parentPath}/${entry.name}`.slice(FIXTURES.length).replaceAll('//', '/'),
    )
    .sort();
}
