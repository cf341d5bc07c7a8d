// One rank in a process of its own; does what its parent asks over IPC.
import { ArfuseError } from '@arfuse/contract';
import { type Group, type OpenGroupOptions, openGroup } from '../../src/index.ts';

/** What the parent asks. */
export type Command =
  | { readonly do: 'open'; readonly options?: OpenGroupOptions }
  | { readonly do: 'exchange'; readonly bytes: number[]; readonly timeoutMs?: number }
  | { readonly do: 'barrier'; readonly timeoutMs?: number }
  | { readonly do: 'agree'; readonly record: Record<string, string> }
  | { readonly do: 'aborted' }
  | { readonly do: 'block'; readonly ms: number }
  | { readonly do: 'close' };

let group: Group | undefined;

async function perform(command: Command): Promise<unknown> {
  if (command.do === 'open') {
    group = await openGroup({
      ...command.options,
      onListening: (port) => process.send?.({ listening: port }),
      onRefused: (error) => process.send?.({ refused: error.toJSON() }),
    });
    return { rank: group.rank, size: group.size, device: group.device };
  }
  const open = group!;
  switch (command.do) {
    case 'exchange': {
      const got = await open.exchange(Uint8Array.from(command.bytes), command);
      return got.map((bytes) => [...bytes]);
    }
    case 'barrier':
      return open.barrier(command);
    case 'agree':
      return open.agree(command.record);
    case 'aborted': {
      if (!open.signal.aborted) {
        await new Promise((resolve) => open.signal.addEventListener('abort', resolve));
      }
      throw open.signal.reason;
    }
    case 'block': {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.ms);
      return undefined;
    }
    default:
      return open.close();
  }
}

process.on('message', ({ id, command }: { id: number; command: Command }) => {
  void perform(command).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) =>
      process.send?.({
        id,
        error: ArfuseError.isInstance(error) ? error.toJSON() : { message: String(error) },
      }),
  );
});
process.on('disconnect', () => process.exit());
