// Strips the source lines of other projects that captures quote, and keeps file, line and function.
//   node tools/src/strip-sources.mjs IN OUT          one file
//   node tools/src/strip-sources.mjs --fixtures DIR  makes fixtures/ from the folder that holds our captures
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { repositoryRoot } from './lib/root.mjs';
import { stripArchive } from './strip/archive.mjs';
import { stripText } from './strip/fx-text.mjs';
import { stripJson } from './strip/stack-trace.mjs';
import { stripTraceLog } from './strip/trace-log.mjs';

/** Our own captures: folder below the source, folder below fixtures/. @type {readonly (readonly [string, string])[]} */
const CAPTURES = [
  ['graphs', 'graphs'],
  ['pt2', 'pt2'],
  ['fx/llama-tiny-gloo', 'llama-tiny-gloo'],
];

/**
 * @param {string} name file name; only tells which kind of capture the bytes are
 * @param {Buffer} bytes
 * @returns {Buffer}
 */
export function stripFile(name, bytes) {
  if (name.endsWith('.gz')) return gzip(stripFile(name.slice(0, -3), gunzipSync(bytes)));
  if (name.endsWith('.pt2')) return stripArchive(bytes);
  const text = bytes.toString('utf8');
  if (name.endsWith('.json')) return Buffer.from(stripJson(text));
  if (/torch_trace.*\.log$/.test(name)) return Buffer.from(stripTraceLog(text));
  return Buffer.from(stripText(text));
}

/**
 * Same bytes on every platform: no time stamp, and 255 (unknown) as the operating system.
 *
 * @param {Uint8Array} bytes
 */
function gzip(bytes) {
  const packed = gzipSync(bytes, { level: 9 });
  packed.writeUInt32LE(0, 4);
  packed[9] = 255;
  return packed;
}

/** @param {string} path @param {Uint8Array} bytes */
function writeWhole(path, bytes) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.tmp`, bytes);
  renameSync(`${path}.tmp`, path);
}

/** @param {string} source folder that holds our captures */
function makeFixtures(source) {
  for (const [from, to] of CAPTURES) {
    for (const name of readdirSync(join(source, from)).sort()) {
      if (name === 'README.md') continue;
      const stripped = stripFile(name, readFileSync(join(source, from, name)));
      writeWhole(join(repositoryRoot, 'fixtures', to, name), stripped);
      const digest = createHash('sha256').update(stripped).digest('hex');
      console.log(`| \`${to}/${name}\` | ${stripped.length} | \`${digest}\` |`);
    }
  }
}

/** @param {string[]} args */
function main([first, second]) {
  if (first === '--fixtures' && second) return makeFixtures(second);
  if (!first || !second) {
    console.error('usage: strip-sources.mjs IN OUT | --fixtures FOLDER');
    process.exit(2);
  }
  writeWhole(second, stripFile(basename(first), readFileSync(first)));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.slice(2));
