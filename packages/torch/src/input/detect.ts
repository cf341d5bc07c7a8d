/** What the first bytes of an input say it is. */
export type Detected =
  | { readonly kind: 'zip' | 'json' | 'trace' | 'text' }
  /** Something that arfuse does not read, named, and what to do instead. */
  | { readonly kind: 'other'; readonly what: string; readonly hint: string };

const CAPTURE =
  'Give a captured graph instead: an FX dump, a TORCH_TRACE log, an ExportedProgram or a .pt2 archive.';
const DECOMPRESS = 'Decompress it first; only gzip is read directly.';

/** First bytes of files that people give by mistake. */
const MAGICS: readonly (readonly [bytes: string, what: string, hint: string])[] = [
  ['\x7fELF', 'an ELF binary or shared library', CAPTURE],
  ['MZ', 'a Windows executable', CAPTURE],
  ['\xcf\xfa\xed\xfe', 'a Mach-O binary', CAPTURE],
  ['GGUF', 'a GGUF model (weights, no captured graph)', CAPTURE],
  ['\x89HDF\r\n\x1a\n', 'an HDF5 file', CAPTURE],
  ['\x89PNG', 'a PNG image', CAPTURE],
  ['%PDF', 'a PDF document', CAPTURE],
  ['\x93NUMPY', 'a NumPy array', CAPTURE],
  ['\x28\xb5\x2f\xfd', 'zstd-compressed data', DECOMPRESS],
  ['\xfd7zXZ\x00', 'xz-compressed data', DECOMPRESS],
  ['BZh', 'bzip2-compressed data', DECOMPRESS],
  ['7z\xbc\xaf\x27\x1c', 'a 7-Zip archive', DECOMPRESS],
  ['\x1f\x8b', 'gzip data inside gzip data', 'Compress it only once.'],
  ['\xff\xfe', 'UTF-16 text', 'Convert it to UTF-8.'],
  ['\xfe\xff', 'UTF-16 text', 'Convert it to UTF-8.'],
];

/** `V0804 12:34:12.816000 4711 torch/_dynamo/utils.py:2126] {"…`: one record of a TORCH_TRACE log. */
export const TRACE_LINE = /^[VDIWEFC]\d{4} \d\d:\d\d:\d\d(?:\.\d+)? \d+ [^\]]*\] (?=\{")/;

const other = (what: string, hint: string): Detected => ({ kind: 'other', what, hint });

/** Header length (little-endian u64), then a JSON header that begins at once. */
function isSafetensors(head: Buffer): boolean {
  if (head.length < 10 || head[8] !== 0x7b || head[9] !== 0x22) return false;
  const length = head.readBigUInt64LE(0);
  return length > 1n && length < 100_000_000n;
}

/** Pickle protocol 2–5: PROTO, the version, then an opcode that a stream can begin with. */
function isPickle(head: Buffer): boolean {
  return head.length > 2 && head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5;
}

/**
 * Tells formats apart by content; names and extensions are not looked at.
 * @param head - the beginning of the input, decompressed
 */
export function detect(head: Buffer): Detected {
  if (head.length === 0) return other('an empty file', 'The capture wrote nothing; capture again.');
  const start = head.toString('latin1', 0, 16);
  if (start.startsWith('PK\x03\x04') || start.startsWith('PK\x05\x06')) return { kind: 'zip' };
  for (const [magic, what, hint] of MAGICS) if (start.startsWith(magic)) return other(what, hint);
  if (isPickle(head)) {
    return other(
      'a Python pickle (a checkpoint or a torch.save file)',
      `Pickles can run code and are never read. ${CAPTURE}`,
    );
  }
  if (isSafetensors(head)) return other('a safetensors file (weights, no graph)', CAPTURE);
  if (head.includes(0)) return other('a binary file', CAPTURE);
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const content = text.trimStart();
  if (content === '')
    return other('a file of white space only', 'The capture wrote nothing; capture again.');
  if (content.startsWith('{')) return { kind: 'json' };
  // Other output may come first: look at the first lines.
  for (const line of content.split('\n', 200)) if (TRACE_LINE.test(line)) return { kind: 'trace' };
  return { kind: 'text' };
}
