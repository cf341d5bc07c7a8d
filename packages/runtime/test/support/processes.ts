import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import type { OpenGroupOptions } from '../../src/index.ts';
import type { Command } from './rank.ts';

/** An error as it comes from a rank. */
export interface Told {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: Told;
  readonly listening?: number;
  readonly refused?: Told;
}

let folder: string | undefined;

/** Bundles the program of a rank, since Node 20 runs no TypeScript. */
export async function buildRank(): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'arfuse-runtime-'));
  await build({
    config: false,
    entry: {
      rank: fileURLToPath(new URL('./rank.ts', import.meta.url)),
      runtime: fileURLToPath(new URL('../../src/index.ts', import.meta.url)),
    },
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

/** Path of a bundled module: `rank` or `runtime`. */
export function bundled(name: string): string {
  return join(folder!, `${name}.mjs`);
}

const running: RankProcess[] = [];

/** Ends every rank of a test. */
export async function endRanks(): Promise<void> {
  await Promise.all(running.splice(0).map((rank) => rank.end()));
}

/** Removes the bundled program. */
export async function removeRank(): Promise<void> {
  if (folder) await rm(folder, { recursive: true });
}

/** A rank in a process of its own. */
export class RankProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #refused: Told[] = [];
  #onRefused = (): void => {};
  #ids = 0;
  /** Port of rank 0, when it listens. */
  readonly listening: Promise<number>;

  constructor(env: Readonly<Record<string, string>>) {
    this.#child = fork(bundled('rank'), [], { env, stdio: 'inherit' });
    this.listening = new Promise((resolve) => {
      this.#child.on('message', (answer: Answer) => {
        if (answer.listening !== undefined) resolve(answer.listening);
        if (answer.refused) {
          this.#refused.push(answer.refused);
          this.#onRefused();
        }
        if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
      });
    });
    running.push(this);
  }

  /** What a command gives; rejects with what it throws. */
  ask(command: Command): Promise<unknown> {
    const id = this.#ids++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ value, error }) => (error ? reject(error) : resolve(value)));
      this.#child.send({ id, command });
    });
  }

  /** What a command throws. */
  async failure(command: Command): Promise<Told> {
    try {
      const value = await this.ask(command);
      throw new Error(`${command.do} gave ${JSON.stringify(value)}`);
    } catch (error) {
      if (error instanceof Error) throw error;
      return error as Told;
    }
  }

  /** The first connections that rank 0 refused. */
  async refused(count = 1): Promise<Told[]> {
    while (this.#refused.length < count) {
      await new Promise<void>((resolve) => {
        this.#onRefused = resolve;
      });
    }
    return this.#refused;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** What torchrun sets. */
export function environment(
  rank: number,
  size: number,
  port: number,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    RANK: String(rank),
    WORLD_SIZE: String(size),
    LOCAL_RANK: String(rank),
    MASTER_ADDR: '127.0.0.1',
    ARFUSE_PORT: String(port),
    ...more,
  };
}

/** Starts ranks and opens their group; rank 0 takes a free port. */
export async function openRanks(
  size: number,
  options: OpenGroupOptions = {},
  more: Readonly<Record<string, string>> = {},
): Promise<RankProcess[]> {
  const first = new RankProcess(environment(0, size, 0, more));
  const opened = [first.ask({ do: 'open', options })];
  const port = await first.listening;
  const others = Array.from(
    { length: size - 1 },
    (_, index) => new RankProcess(environment(index + 1, size, port, more)),
  );
  opened.push(...others.map((rank) => rank.ask({ do: 'open', options })));
  await Promise.all(opened);
  return [first, ...others];
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}
