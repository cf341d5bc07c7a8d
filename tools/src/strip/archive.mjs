import { crc32Of } from './crc32.mjs';
import { stripJson } from './stack-trace.mjs';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

/**
 * Strips `models/*.json` inside a `.pt2` archive. Every other byte of the file stays as `torch.export.save`
 * wrote it: the stripped JSON is padded with spaces to its old size, so that no offset, alignment or ZIP64
 * record moves, and only its checksum changes.
 *
 * @param {Buffer} archive
 * @returns {Buffer}
 */
export function stripArchive(archive) {
  const out = Buffer.from(archive);
  for (const entry of centralDirectory(out)) {
    if (!/\/models\/[^/]*\.json$/.test(entry.name)) continue;
    if (entry.method !== 0)
      throw new Error(`${entry.name} is compressed; only stored archives are read`);
    const start = dataStart(out, entry.localHeader);
    const before = out.toString('utf8', start, start + entry.size);
    const after = Buffer.from(stripJson(before));
    if (after.length > entry.size) throw new Error(`${entry.name} grew while it was stripped`);
    out.fill(0x20, start, start + entry.size);
    after.copy(out, start);
    writeCrc(out, entry, start + entry.size, crc32Of(out.subarray(start, start + entry.size)));
  }
  return out;
}

/**
 * The members of a stored ZIP by its central directory.
 *
 * @param {Buffer} zip
 */
export function centralDirectory(zip) {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0 || zip.readUInt32LE(end) !== END) throw new Error('not a ZIP archive');
  const entries = [];
  let at = zip.readUInt32LE(end + 16);
  while (zip.readUInt32LE(at) === CENTRAL) {
    const nameLength = zip.readUInt16LE(at + 28);
    entries.push({
      central: at,
      flags: zip.readUInt16LE(at + 8),
      method: zip.readUInt16LE(at + 10),
      size: zip.readUInt32LE(at + 24),
      localHeader: zip.readUInt32LE(at + 42),
      name: zip.toString('utf8', at + 46, at + 46 + nameLength),
    });
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return entries;
}

/** Offset of a member's bytes. @param {Buffer} zip @param {number} localHeader its offset */
export function dataStart(zip, localHeader) {
  if (zip.readUInt32LE(localHeader) !== LOCAL) throw new Error(`no local header at ${localHeader}`);
  return localHeader + 30 + zip.readUInt16LE(localHeader + 26) + zip.readUInt16LE(localHeader + 28);
}

/**
 * @param {Buffer} zip
 * @param {ReturnType<typeof centralDirectory>[number]} entry
 * @param {number} dataEnd
 * @param {number} crc
 */
function writeCrc(zip, entry, dataEnd, crc) {
  zip.writeUInt32LE(crc, entry.central + 16);
  const hasDescriptor = (entry.flags & 8) !== 0;
  if (!hasDescriptor) zip.writeUInt32LE(crc, entry.localHeader + 14);
  else if (zip.readUInt32LE(dataEnd) === 0x08074b50) zip.writeUInt32LE(crc, dataEnd + 4);
  else zip.writeUInt32LE(crc, dataEnd);
}
