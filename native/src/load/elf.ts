import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { mismatch, type Reason } from './load-failure.ts';

const MACHINES: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' };

/**
 * What is wrong with a Linux library before the dynamic loader sees it. One that was cut off would end the process: the
 * loader maps pages behind the end of the file and is killed by SIGBUS when it touches them.
 * @returns undefined when the file is an ELF library of this machine and as long as its header says
 */
export function elfProblem(file: string, arch: string = process.arch): Reason | undefined {
  const header = Buffer.alloc(64);
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const read = readSync(descriptor, header, 0, 64, 0);
    if (read < 4 || header.readUInt32BE(0) !== 0x7f454c46)
      return { code: 'CORRUPTED', message: 'it is no ELF library' };
    if (read < 64 || header[4] !== 2 || header[5] !== 1)
      return { code: 'CORRUPTED', message: 'it is no 64-bit little-endian ELF library' };
    const machine = header.readUInt16LE(18);
    const found = MACHINES[machine] ?? `machine ${machine}`;
    if (found !== arch)
      return mismatch('CORRUPTED', arch, found, ': it was built for another processor');
    // Linkers put the table of sections last.
    const end =
      Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
    if (end <= size) return undefined;
    return {
      code: 'CORRUPTED',
      message: `it is cut off: ${size} bytes of at least ${end}. Install or build it again`,
    };
  } finally {
    closeSync(descriptor);
  }
}
