/** Settings of one operation of a group. */
export interface OperationOptions {
  /** Milliseconds to wait for the other ranks; the shortest of all ranks counts. Default: the group's `timeoutMs`. */
  readonly timeoutMs?: number;
}

/**
 * What all ranks must have in common before the first launch: plan hash, library versions, device SKU, … Names and values
 * are free.
 */
export type AgreementRecord = Readonly<Record<string, string>>;

/** What one rank told all others. */
export interface Notice {
  readonly rank: number;
  readonly data: Uint8Array;
}

/**
 * Operations of all ranks: all call the same ones in the same order; those of one rank that are started together are done
 * one after the other. One that fails by its deadline or by disagreement fails with the same error at every rank, and the
 * next may succeed. When a rank is lost, every operation fails from then on.
 */
export interface Channel {
  /**
   * Gives every rank's bytes to every rank.
   * @param message - as many bytes as every other rank gives, at most `maxMessageBytes`
   * @returns the messages by rank; copies that the caller may change
   * @throws AgreementError at every rank when sizes or operations differ; DeadlineError at every rank; LimitError;
   * PeerLostError when a rank is lost or has left; UsageError after `close()`
   */
  exchange(message: Uint8Array, options?: OperationOptions): Promise<readonly Uint8Array[]>;
  /**
   * Waits until every rank has come here.
   * @throws as `exchange`
   */
  barrier(options?: OperationOptions): Promise<void>;
  /**
   * Compares a record with every other rank's.
   * @throws AgreementError, the same at every rank, with each field that differs, its values and their ranks; and as
   * `exchange`
   */
  agree(record: AgreementRecord, options?: OperationOptions): Promise<void>;
}

/** The ranks that run one plan together, as one of them sees them. Its own operations are one channel. */
export interface Group extends Channel, AsyncDisposable {
  /** This rank, from 0. */
  readonly rank: number;
  /** Number of ranks. */
  readonly size: number;
  /** Ordinal of the accelerator that this rank drives: `LOCAL_RANK`, or the entry of `devices`. */
  readonly device: number;
  /**
   * Aborted when a rank is lost, with the error as its reason: a `PeerLostError` that names the rank, or a
   * `ProtocolError` when rank 0 sends what is no message. A rank that left by `close()` does not abort it.
   */
  readonly signal: AbortSignal;
  /**
   * Operations that are independent of the group's own, and of other channels: a library's, while the program waits in one
   * of its own. All ranks open their channels in the same order.
   * @throws LimitError beyond 65,535 channels
   */
  channel(): Channel;
  /**
   * Tells all other ranks something, whatever they are doing. Does not wait.
   * @param message - at most `maxMessageBytes`
   * @throws LimitError
   */
  notify(message: Uint8Array): void;
  /**
   * Calls a listener with what other ranks tell.
   * @returns ends it
   */
  onNotice(listener: (notice: Notice) => void): () => void;
  /**
   * Leaves the group. Operations of this rank that are not done fail; the other ranks can have no more operations. May be
   * called more than once; does not throw.
   */
  close(): Promise<void>;
}
