/** What the code of a made-up library does as soon as it is loaded. */
const CODE = {
  /** xor eax, eax; mov [rax], eax */
  segfault: [0x31, 0xc0, 0x89, 0x00],
  /** jmp to itself */
  hang: [0xeb, 0xfe],
} as const;

/** Dynamic tags of ELF. */
const DT = { strtab: 5, symtab: 6, strsz: 10, syment: 11, init: 12 } as const;

const HEADERS = 64 + 2 * 56;
const DYNAMIC = HEADERS;
const SYMBOLS = DYNAMIC + 6 * 16;
const STRINGS = SYMBOLS + 24;
const TEXT = STRINGS + 8;
const SIZE = TEXT + 8;

/**
 * The smallest shared library of Linux x86-64 that the loader takes: its initialiser breaks the process. It stands for an addon
 * that is broken in a way which no check of its bytes could see.
 */
export function brokenLibrary(how: keyof typeof CODE): Buffer {
  const file = Buffer.alloc(SIZE);
  file.write('\x7fELF', 0, 'latin1');
  // 64 bits, little-endian, version 1; a shared object for x86-64.
  file.set([2, 1, 1], 4);
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, flags: number, from: number, bytes: number): void => {
    file.writeUInt32LE(type, at);
    file.writeUInt32LE(flags, at + 4);
    for (const offset of [8, 16, 24]) file.writeBigUInt64LE(BigInt(from), at + offset);
    for (const offset of [32, 40]) file.writeBigUInt64LE(BigInt(bytes), at + offset);
    file.writeBigUInt64LE(type === 1 ? 4096n : 8n, at + 48);
  };
  // All of it is loaded, writable and executable.
  segment(64, 1, 7, 0, SIZE);
  segment(64 + 56, 2, 6, DYNAMIC, 6 * 16);
  const entries: [number, number][] = [
    [DT.strtab, STRINGS],
    [DT.symtab, SYMBOLS],
    [DT.strsz, 1],
    [DT.syment, 24],
    [DT.init, TEXT],
    [0, 0],
  ];
  for (const [i, [tag, value]] of entries.entries()) {
    file.writeBigUInt64LE(BigInt(tag), DYNAMIC + 16 * i);
    file.writeBigUInt64LE(BigInt(value), DYNAMIC + 16 * i + 8);
  }
  file.set(CODE[how], TEXT);
  return file;
}
