import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { LocalSeat } from '@arfuse/runtime';
import { build } from 'tsup';
import type { RankCommand } from './rank-program.ts';

interface Answer {
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: string;
  readonly listening?: number;
}

let folder: string | undefined;

/** Bundles the program of a rank, since Node 20 runs no TypeScript. */
export async function buildRank(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'arfuse-executor-'));
  await build({
    config: false,
    entry: { rank: fileURLToPath(new URL('./rank-program.ts', import.meta.url)) },
    outDir: folder,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    target: 'node20',
    noExternal: [/^@arfuse\//],
    silent: true,
    esbuildOptions(options) {
      options.conditions = ['@arfuse/source'];
    },
  });
}

/** Removes it. */
export async function removeRank(): Promise<void> {
  if (folder) await rm(folder, { recursive: true });
}

/** A rank in a process or a worker thread of its own. */
export class RankHost {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #post: (message: object) => void;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Ends it at once. */
  readonly end: () => Promise<unknown>;
  /** Port of rank 0, when it listens. */
  readonly listening: Promise<number>;
  #ids = 0;

  private constructor(
    post: (message: object) => void,
    onMessage: (listener: (answer: Answer) => void) => void,
    end: () => Promise<unknown>,
    signal: (signal: NodeJS.Signals) => void = () => {},
  ) {
    this.#post = post;
    this.end = end;
    this.signal = signal;
    this.listening = new Promise((resolve) => {
      onMessage((answer) => {
        if (answer.listening !== undefined) resolve(answer.listening);
        if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
      });
    });
  }

  static process(env: Readonly<Record<string, string>>): RankHost {
    const child = fork(join(folder!, 'rank.mjs'), [], { env, stdio: 'inherit' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    return new RankHost(
      (message) => child.send(message),
      (listener) => child.on('message', listener),
      () => {
        child.kill('SIGKILL');
        return ended;
      },
      (signal) => child.kill(signal),
    );
  }

  static worker(seat: LocalSeat): RankHost {
    const worker = new Worker(join(folder!, 'rank.mjs'), {
      workerData: { seat },
      transferList: [seat.port],
    });
    return new RankHost(
      (message) => worker.postMessage(message),
      (listener) => worker.on('message', listener),
      () => worker.terminate(),
    );
  }

  /** What a command gives. */
  ask(command: RankCommand): Promise<unknown> {
    const id = this.#ids++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) =>
        error === undefined ? resolve(value) : reject(new Error(error)),
      );
      this.#post({ id, command });
    });
  }
}
