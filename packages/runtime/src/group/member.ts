import { ArfuseError, LimitError, UsageError } from '@arfuse/contract';
import { errorOf } from '../wire/fault.ts';
import { KIND, nameOfKind, refusedBytes, SAME_RELEASE } from '../wire/frame.ts';
import type { Link, LinkEnd, Message } from '../wire/link.ts';
import { encodeRecord, requireAgreement, requireSame } from './agreement.ts';
import { leftFault, lostFault } from './faults.ts';
import type { AgreementRecord, Group, OperationOptions } from './group.ts';
import {
  decodedFault,
  decodeGathered,
  decodeNumbered,
  decodeRank,
  encodeContribution,
  nameOfOperation,
  OPERATION,
  type OperationKind,
  type Part,
} from './messages.ts';
import { checkTimeout, type GroupSettings } from './options.ts';

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

interface Pending {
  readonly operation: number;
  readonly resolve: (parts: readonly Part[]) => void;
  readonly reject: (error: ArfuseError) => void;
}

/** One rank's view of a group, over its link to the coordinator. */
export class Member implements Group {
  readonly rank: number;
  readonly size: number;
  readonly device: number;
  readonly #link: Link;
  readonly #options: MemberOptions;
  readonly #abort = new AbortController();
  /** Failures of operations to which this rank has not come yet. */
  readonly #failed = new Map<number, ArfuseError>();
  #operation = 0;
  #pending: Pending | undefined;
  #last: Promise<unknown> = Promise.resolve();
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
    link.listen({
      message: (message) => this.#message(message),
      down: (end) => this.#down(end),
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  async exchange(message: Uint8Array, options?: OperationOptions): Promise<readonly Uint8Array[]> {
    if (!(message instanceof Uint8Array)) {
      throw new UsageError({
        message: `exchange() was given ${typeof message}, not bytes.`,
        hint: 'Give a Uint8Array.',
      });
    }
    const parts = await this.#run(OPERATION.exchange, message, options);
    requireSame(
      'message size',
      parts.map(({ data }) => `${data.length} bytes`),
    );
    return parts.map(({ data }) => data);
  }

  async barrier(options?: OperationOptions): Promise<void> {
    await this.#run(OPERATION.barrier, new Uint8Array(), options);
  }

  async agree(record: AgreementRecord, options?: OperationOptions): Promise<void> {
    const parts = await this.#run(OPERATION.agree, encodeRecord(record), options);
    requireAgreement(parts.map(({ data }) => data));
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

  async #run(
    kind: OperationKind,
    message: Uint8Array,
    { timeoutMs }: OperationOptions = {},
  ): Promise<readonly Part[]> {
    const { settings } = this.#options;
    const limit = checkTimeout('timeoutMs', timeoutMs ?? settings.timeoutMs);
    if (message.length > settings.maxMessageBytes) {
      throw new LimitError({
        message: `${nameOfOperation(kind)}() was given ${message.length} bytes; the most is ${settings.maxMessageBytes}.`,
        hint: 'Raise maxMessageBytes, to the same for all ranks, or give less.',
        details: { bytes: message.length, maxMessageBytes: settings.maxMessageBytes },
      });
    }
    // The caller may change its bytes while the operation waits for its turn.
    const data = new Uint8Array(message);
    const turn = this.#last.then(() => this.#contribute(kind, data, limit));
    this.#last = turn.catch(() => {});
    const parts = await turn;
    requireSame(
      'operation',
      parts.map((part) => `${nameOfOperation(part.kind)}()`),
    );
    return parts;
  }

  #contribute(kind: OperationKind, data: Uint8Array, timeoutMs: number): Promise<readonly Part[]> {
    if (this.#end) return Promise.reject(this.#end);
    const operation = this.#operation;
    this.#operation += 1;
    const failed = this.#failed.get(operation);
    if (failed) {
      this.#failed.delete(operation);
      return Promise.reject(failed);
    }
    return new Promise((resolve, reject) => {
      this.#pending = { operation, resolve, reject };
      this.#link.send(KIND.contribution, encodeContribution({ operation, kind, timeoutMs, data }));
    });
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
      const { operation, parts } = decodeGathered(payload, this.size, peer);
      const pending = this.#takePending(operation);
      if (pending) pending.resolve(parts);
      else if (!this.#end) throw this.#unexpected(`the result of operation ${operation}`);
    } else if (kind === KIND.failed) {
      const { number, fault } = decodeNumbered(payload, peer);
      const error = errorOf(fault);
      const pending = this.#takePending(number);
      if (pending) pending.reject(error);
      else if (number >= this.#operation) this.#failed.set(number, error);
    } else if (kind === KIND.lost) {
      this.#lose(errorOf(decodeNumbered(payload, peer).fault));
    } else if (kind === KIND.left) {
      const rank = decodeRank(payload, this.size, peer);
      this.#coordinatorLeft ||= rank === this.#options.coordinatorRank;
      // What this rank waits for now fails by the coordinator's own message, which may also be a result.
      this.#end ??= errorOf(leftFault(rank));
    } else if (kind === KIND.refused) {
      this.#lose(errorOf(decodedFault(payload, peer)));
    } else if (kind !== KIND.roster) {
      throw this.#unexpected(`a message "${nameOfKind(kind)}"`);
    }
  }

  #unexpected(what: string): ArfuseError {
    return refusedBytes(
      this.#link.peer,
      what,
      `the result of operation ${this.#operation - 1}`,
      SAME_RELEASE,
    );
  }

  #takePending(operation: number): Pending | undefined {
    const pending = this.#pending;
    if (pending?.operation !== operation) return undefined;
    this.#pending = undefined;
    return pending;
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
    this.#failed.clear();
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(error);
  }
}
