import { gunzipSync } from 'node:zlib';

/**
 * Files of an npm tarball, without the leading `package/`.
 *
 * @param {Uint8Array} packed
 * @returns {Map<string, Buffer>}
 */
export function readTarball(packed) {
  const tar = gunzipSync(packed);
  /** @param {number} from @param {number} length */
  const text = (from, length) => tar.toString('utf8', from, from + length).split('\0')[0] ?? '';
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const prefix = text(at + 345, 155);
    const name = (prefix ? `${prefix}/` : '') + text(at, 100);
    const type = text(at + 156, 1);
    if (type === '0' || type === '')
      files.set(name.replace(/^[^/]*\//, ''), tar.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
