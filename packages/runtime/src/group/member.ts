import { ArfuseError, LimitError, UsageError } from '@arfuse/contract';
import { errorOf } from '../wire/fault.ts';
import { KIND, refusedBytes, refusedKind, SAME_RELEASE } from '../wire/frame.ts';
import type { Link, LinkEnd, Message } from '../wire/link.ts';
import { leftFault, lostFault } from './faults.ts';
import type { AgreementRecord, Channel, Group, Notice, OperationOptions } from './group.ts';
import {
  type Contribution,
  decodedFault,
  decodeFailed,
  decodeGathered,
  decodeNotice,
  decodeNumbered,
  decodeRank,
  encodeContribution,
} from './messages.ts';
import { Operations, requireSize } from './operations.ts';
import type { GroupSettings } from './options.ts';

/** What a member needs besides its link. */
export interface MemberOptions {
  readonly rank: number;
  readonly size: number;
  readonly device: number;
  readonly settings: GroupSettings;
  /** Rank in whose process the coordinator is; undefined when it is no rank's. */
  readonly coordinatorRank: number | undefined;
  /** Ends what belongs to this rank besides its link. */
  readonly onClose?: () => Promise<void>;
}

/** Ordinals of channels are 16-bit numbers. */
const MOST_CHANNELS = 65_535;

/** One rank's view of a group, over its link to the coordinator. */
export class Member implements Group {
  readonly rank: number;
  readonly size: number;
  readonly device: number;
  readonly #link: Link;
  readonly #options: MemberOptions;
  readonly #abort = new AbortController();
  /** By ordinal; the first is the group's own. */
  readonly #channels: Operations[] = [];
  /** What came for channels that this rank has not opened yet. */
  readonly #early = new Map<number, Map<number, ArfuseError>>();
  readonly #listeners = new Set<(notice: Notice) => void>();
  /** Why no operation can succeed any more. */
  #end: ArfuseError | undefined;
  #coordinatorLeft = false;
  #closing: Promise<void> | undefined;

  constructor(link: Link, options: MemberOptions) {
    this.rank = options.rank;
    this.size = options.size;
    this.device = options.device;
    this.#link = link;
    this.#options = options;
    this.channel();
    link.listen({
      message: (message) => this.#message(message),
      down: (end) => this.#down(end),
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  exchange(message: Uint8Array, options?: OperationOptions): Promise<readonly Uint8Array[]> {
    return this.#channels[0]!.exchange(message, options);
  }

  barrier(options?: OperationOptions): Promise<void> {
    return this.#channels[0]!.barrier(options);
  }

  agree(record: AgreementRecord, options?: OperationOptions): Promise<void> {
    return this.#channels[0]!.agree(record, options);
  }

  channel(): Channel {
    const ordinal = this.#channels.length;
    if (ordinal > MOST_CHANNELS) {
      throw new LimitError({
        message: `rank ${this.rank} has opened ${MOST_CHANNELS} channels; there can be no more.`,
        hint: 'Keep a channel for the life of what uses it.',
      });
    }
    const send = (contribution: Contribution): void =>
      this.#link.send(KIND.contribution, encodeContribution(contribution));
    const operations = new Operations(ordinal, this.#options.settings, send, this.#end);
    this.#channels.push(operations);
    for (const [operation, error] of this.#early.get(ordinal) ?? [])
      operations.fail(operation, error);
    this.#early.delete(ordinal);
    return operations;
  }

  notify(message: Uint8Array): void {
    requireSize('notify()', message, this.#options.settings);
    if (!this.#end) this.#link.send(KIND.notice, message);
  }

  onNotice(listener: (notice: Notice) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const lost = this.#end !== undefined;
    this.#finish(
      new UsageError({
        message: `rank ${this.rank} has closed its group.`,
        hint: 'Await the operations that are wanted before close().',
        details: { rank: this.rank },
      }),
    );
    if (this.#options.onClose) await this.#options.onClose();
    else if (!lost) this.#link.send(KIND.left, new Uint8Array());
    await this.#link.close();
  }

  #message({ kind, payload }: Message): void {
    if (this.#closing) return;
    try {
      this.#handle(kind, payload);
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      this.#down({ reason: 'broke the protocol', error });
    }
  }

  #handle(kind: number, payload: Uint8Array): void {
    const { peer } = this.#link;
    if (kind === KIND.gathered) {
      const { channel, operation, parts } = decodeGathered(payload, this.size, peer);
      const done = this.#channels[channel]?.complete(operation, parts) ?? false;
      if (!done && !this.#end) throw this.#unexpected(channel, operation);
    } else if (kind === KIND.failed) {
      const { channel, operation, fault } = decodeFailed(payload, peer);
      this.#failed(channel, operation, errorOf(fault));
    } else if (kind === KIND.notice) {
      const notice = decodeNotice(payload, this.size, peer);
      for (const listener of this.#listeners) listener(notice);
    } else if (kind === KIND.lost) {
      this.#lose(errorOf(decodeNumbered(payload, peer).fault));
    } else if (kind === KIND.left) {
      const rank = decodeRank(payload, this.size, peer);
      this.#coordinatorLeft ||= rank === this.#options.coordinatorRank;
      // What this rank waits for now fails by the coordinator's own message, which may also be a result.
      this.#end ??= errorOf(leftFault(rank));
      for (const channel of this.#channels) channel.expect(this.#end);
    } else if (kind === KIND.refused) {
      this.#lose(errorOf(decodedFault(payload, peer)));
    } else if (kind !== KIND.roster) {
      throw refusedKind(peer, kind, 'the result of an operation');
    }
  }

  /** An operation of a channel that this rank may not have opened yet. */
  #failed(channel: number, operation: number, error: ArfuseError): void {
    const operations = this.#channels[channel];
    if (operations) {
      operations.fail(operation, error);
      return;
    }
    const early = this.#early.get(channel) ?? new Map<number, ArfuseError>();
    early.set(operation, error);
    this.#early.set(channel, early);
  }

  #unexpected(channel: number, operation: number): ArfuseError {
    const begun = this.#channels[channel]?.begun ?? 0;
    return refusedBytes(
      this.#link.peer,
      `the result of operation ${operation} of channel ${channel}`,
      `the result of operation ${begun - 1}`,
      SAME_RELEASE,
    );
  }

  #down({ reason, error }: LinkEnd): void {
    if (this.#closing) return;
    const { coordinatorRank } = this.#options;
    if (this.#coordinatorLeft && this.#end) {
      this.#finish(this.#end);
      return;
    }
    this.#lose(error ?? errorOf(lostFault(coordinatorRank, this.#link.peer, reason)));
    this.#link.destroy();
  }

  #lose(error: ArfuseError): void {
    if (this.#abort.signal.aborted) return;
    this.#finish(error);
    this.#abort.abort(error);
  }

  /** Nothing succeeds any more. */
  #finish(error: ArfuseError): void {
    this.#end = error;
    for (const channel of this.#channels) channel.finish(error);
  }
}
