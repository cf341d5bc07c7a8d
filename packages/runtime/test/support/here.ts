import type { ArfuseError } from '@arfuse/contract';
import { type Group, type OpenGroupOptions, openGroup } from '../../src/index.ts';
import { environment } from './processes.ts';

/** Rank 0 of a group, in this process. */
export interface First {
  readonly port: number;
  readonly opened: Promise<Group>;
  /** Connections that it refused, and the next one. */
  readonly refused: readonly ArfuseError[];
  nextRefused(): Promise<ArfuseError>;
}

const groups: Promise<Group>[] = [];

/** Closes every group that a test opened in this process. */
export async function closeHere(): Promise<void> {
  const opened = await Promise.allSettled(groups.splice(0));
  await Promise.all(
    opened.map((result) => (result.status === 'fulfilled' ? result.value.close() : undefined)),
  );
}

function remembered(opened: Promise<Group>): Promise<Group> {
  groups.push(opened);
  return opened;
}

/** Opens rank 0 in this process, on a free port; resolves when it listens. */
export async function openFirst(
  size: number,
  options: OpenGroupOptions = {},
  more: Readonly<Record<string, string>> = {},
): Promise<First> {
  const refused: ArfuseError[] = [];
  const waiting: ((error: ArfuseError) => void)[] = [];
  let opened: Promise<Group> | undefined;
  const port = await new Promise<number>((resolve, reject) => {
    opened = remembered(
      openGroup({
        env: environment(0, size, 0, more),
        onListening: resolve,
        onRefused: (error) => {
          refused.push(error);
          waiting.shift()?.(error);
        },
        ...options,
      }),
    );
    opened.catch(reject);
  });
  return {
    port,
    opened: opened!,
    refused,
    nextRefused: () => new Promise((resolve) => waiting.push(resolve)),
  };
}

/** Opens another rank in this process. */
export function openOther(
  rank: number,
  size: number,
  port: number,
  options: OpenGroupOptions = {},
  more: Readonly<Record<string, string>> = {},
): Promise<Group> {
  const opened = remembered(openGroup({ env: environment(rank, size, port, more), ...options }));
  opened.catch(() => {});
  return opened;
}

/** Opens all ranks in this process, over loopback. */
export async function openAll(
  size: number,
  options: OpenGroupOptions = {},
  more: Readonly<Record<string, string>> = {},
): Promise<Group[]> {
  const { port, opened } = await openFirst(size, options, more);
  const others = Array.from({ length: size - 1 }, (_, index) =>
    openOther(index + 1, size, port, options, more),
  );
  return Promise.all([opened, ...others]);
}
