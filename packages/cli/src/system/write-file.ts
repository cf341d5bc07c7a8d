import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { IoError } from '@arfuse/contract';

function renamed(path: string, content: string): void {
  const temporary = join(
    dirname(path),
    `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    const file = openSync(temporary, 'wx');
    try {
      writeFileSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function write(path: string, content: string): void {
  const present = statSync(path, { throwIfNoEntry: false });
  // A link stays a link; a device or a pipe cannot be replaced, and is written as it is.
  if (present && !present.isFile()) writeFileSync(path, content);
  else renamed(present ? realpathSync(path) : path, content);
}

/**
 * Writes a file whole or not at all: to a temporary name beside it, then renamed. It is done in one go, and Ctrl-C
 * meanwhile waits for its end, so that no temporary file stays behind.
 * @throws IoError
 */
export async function writeFileWhole(path: string, content: string): Promise<void> {
  const stop = (signal: NodeJS.Signals): void => {
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    write(path, content);
  } catch (cause) {
    throw new IoError({
      message: `cannot write "${path}": ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'Check that the folder exists and may be written.',
      details: { path },
      cause,
    });
  } finally {
    // A signal that came during the write is delivered here.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
