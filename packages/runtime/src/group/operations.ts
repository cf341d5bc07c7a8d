import { type ArfuseError, LimitError, UsageError } from '@arfuse/contract';
import { encodeRecord, requireAgreement, requireSame } from './agreement.ts';
import type { AgreementRecord, Channel, OperationOptions } from './group.ts';
import {
  type Contribution,
  nameOfOperation,
  OPERATION,
  type OperationKind,
  type Part,
} from './messages.ts';
import { checkTimeout, type GroupSettings } from './options.ts';

interface Pending {
  readonly operation: number;
  readonly resolve: (parts: readonly Part[]) => void;
  readonly reject: (error: ArfuseError) => void;
}

/** One rank's operations on one channel. */
export class Operations implements Channel {
  readonly #channel: number;
  readonly #settings: GroupSettings;
  readonly #send: (contribution: Contribution) => void;
  /** Failures of operations to which this rank has not come yet. */
  readonly #failed = new Map<number, ArfuseError>();
  #operation = 0;
  #pending: Pending | undefined;
  #last: Promise<unknown> = Promise.resolve();
  /** Why no operation can succeed any more. */
  #end: ArfuseError | undefined;

  constructor(
    channel: number,
    settings: GroupSettings,
    send: (contribution: Contribution) => void,
    end: ArfuseError | undefined,
  ) {
    this.#channel = channel;
    this.#settings = settings;
    this.#send = send;
    this.#end = end;
  }

  /** Operations that this rank has come to. */
  get begun(): number {
    return this.#operation;
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

  /** What all ranks gave; false when this rank waits for no such operation. */
  complete(operation: number, parts: readonly Part[]): boolean {
    const pending = this.#takePending(operation);
    pending?.resolve(parts);
    return pending !== undefined;
  }

  /** An operation failed, whether this rank has come to it or not. */
  fail(operation: number, error: ArfuseError): void {
    const pending = this.#takePending(operation);
    if (pending) pending.reject(error);
    else if (operation >= this.#operation) this.#failed.set(operation, error);
  }

  /** No later operation succeeds; what is pending still may. */
  expect(error: ArfuseError): void {
    this.#end ??= error;
  }

  /** Nothing succeeds any more. */
  finish(error: ArfuseError): void {
    this.#end = error;
    this.#failed.clear();
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(error);
  }

  async #run(
    kind: OperationKind,
    message: Uint8Array,
    { timeoutMs }: OperationOptions = {},
  ): Promise<readonly Part[]> {
    const limit = checkTimeout('timeoutMs', timeoutMs ?? this.#settings.timeoutMs);
    requireSize(`${nameOfOperation(kind)}()`, message, this.#settings);
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
      this.#send({ channel: this.#channel, operation, kind, timeoutMs, data });
    });
  }

  #takePending(operation: number): Pending | undefined {
    const pending = this.#pending;
    if (pending?.operation !== operation) return undefined;
    this.#pending = undefined;
    return pending;
  }
}

/** @throws LimitError for more bytes than a message may have */
export function requireSize(
  what: string,
  { length }: Uint8Array,
  { maxMessageBytes }: GroupSettings,
): void {
  if (length <= maxMessageBytes) return;
  throw new LimitError({
    message: `${what} was given ${length} bytes; the most is ${maxMessageBytes}.`,
    hint: 'Raise maxMessageBytes, to the same for all ranks, or give less.',
    details: { bytes: length, maxMessageBytes },
  });
}
