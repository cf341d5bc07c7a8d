import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bytesOf } from './entries.mjs';

/** @typedef {import('./entries.mjs').Entry} Entry */
/** @typedef {'tar.xz' | 'tar.gz'} Format */

/** What makes one archive of the given bytes differ from the next is their content only: no time, no owner. */
const EPOCH = 0;

/** @param {Entry} entry @param {string} folder @param {number} size */
function header({ path, executable }, folder, size) {
  const full = `${folder}/${path}`;
  const cut = full.length <= 100 ? 0 : full.indexOf('/', full.length - 101) + 1;
  const [prefix, name] = [full.slice(0, Math.max(0, cut - 1)), full.slice(cut)];
  if (name.length > 100 || prefix.length > 155 || (full.length > 100 && cut === 0))
    throw new Error(`${full} is too long a name for a tar archive`);
  const bytes = Buffer.alloc(512);
  const octal = (
    /** @type {number} */ value,
    /** @type {number} */ at,
    /** @type {number} */ length,
  ) => bytes.write(value.toString(8).padStart(length - 1, '0'), at);
  bytes.write(name, 0);
  octal(executable ? 0o755 : 0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(EPOCH, 136, 12);
  bytes.write(' '.repeat(8), 148);
  bytes.write('0', 156);
  bytes.write('ustar\u000000', 257);
  bytes.write(prefix, 345);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

/**
 * A tar archive, without its end when another one follows.
 *
 * @param {readonly Entry[]} entries
 * @param {string} folder that they lie in
 * @param {{ ends: boolean }} options
 */
export function tar(entries, folder, { ends }) {
  const blocks = entries.flatMap((entry) => {
    const bytes = bytesOf(entry);
    const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
    return [header(entry, folder, bytes.length), bytes, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(ends ? 1024 : 0)]);
}

/** @param {Uint8Array} bytes @returns {Promise<Buffer>} */
function xz(bytes) {
  const threads = String(Math.min(4, availableParallelism()));
  return new Promise((resolve, reject) => {
    const child = spawn('xz', ['-1', '--threads', threads, '--stdout'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    /** @type {Buffer[]} */
    const parts = [];
    child.on('error', () =>
      reject(new Error('this machine has no "xz". Install it, or give --format tar.gz.')),
    );
    child.stdout.on('data', (part) => parts.push(part));
    child.on('close', (code) =>
      code === 0
        ? resolve(Buffer.concat(parts))
        : reject(new Error(`xz ended with exit code ${code}`)),
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(bytes);
  });
}

/** @param {Uint8Array} bytes @param {Format} format */
const compress = async (bytes, format) => (format === 'tar.xz' ? xz(bytes) : gzipSync(bytes));

/**
 * Writes a compressed archive, whole or not at all. Both formats may be a sequence of compressed streams: the first one
 * holds what rarely changes and is most of the bytes, and is kept.
 *
 * @param {string} file
 * @param {object} given
 * @param {string} given.folder name of the folder that the archive unpacks to
 * @param {readonly Entry[]} given.steady
 * @param {readonly Entry[]} given.changing
 * @param {Format} given.format
 * @param {string} given.kept folder for compressed streams
 * @returns {Promise<number>} bytes
 */
export async function writeArchive(file, { folder, steady, changing, format, kept }) {
  const first = tar(steady, folder, { ends: false });
  const key = createHash('sha256').update(first).digest('hex').slice(0, 16);
  const store = join(kept, `${key}.${format}`);
  if (!existsSync(store)) writeWhole(store, await compress(first, format));
  const rest = await compress(tar(changing, folder, { ends: true }), format);
  const bytes = Buffer.concat([readFileSync(store), rest]);
  writeWhole(file, bytes);
  return bytes.length;
}

/** @param {string} file @param {Uint8Array} bytes */
function writeWhole(file, bytes) {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  try {
    writeFileSync(partial, bytes);
    renameSync(partial, file);
  } finally {
    rmSync(partial, { force: true });
  }
}
