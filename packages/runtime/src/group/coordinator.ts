import { ArfuseError, ProtocolError } from '@arfuse/contract';
import { encodeFault, type Fault, faultOf } from '../wire/fault.ts';
import { KIND, type Kind, refusedKind } from '../wire/frame.ts';
import type { Link, LinkEnd, Message } from '../wire/link.ts';
import { deadlineFault, leftFault, lostFault } from './faults.ts';
import {
  type Contribution,
  decodeContribution,
  encodeFailed,
  encodeGathered,
  encodeNotice,
  encodeNumbered,
  nameOfOperation,
  type OperationId,
} from './messages.ts';

/** The operation that ranks are gathering for on one channel. */
interface Gathering extends OperationId {
  readonly contributions: Map<number, Contribution>;
  timer: NodeJS.Timeout | undefined;
  /** When it fails, on the clock of `performance.now()`. */
  due: number;
  /** The time limit that `due` comes from, in milliseconds. */
  timeoutMs: number;
}

/**
 * Gathers what the ranks give to one operation after the other, and tells everyone what came of it. It knows nothing of what
 * operations mean. Because an operation needs every rank, only one can be gathering on a channel.
 */
export class Coordinator {
  readonly #links: ReadonlyMap<number, Link>;
  readonly #gone = new Set<number>();
  /** By channel. */
  readonly #gatherings = new Map<number, Gathering>();
  /** Why no operation can succeed any more. */
  #broken: Fault | undefined;

  /** @param links - one per rank, 0 … size − 1 */
  constructor(links: ReadonlyMap<number, Link>) {
    this.#links = links;
    for (const [rank, link] of links) {
      link.listen({
        message: (message) => this.#message(rank, link, message),
        down: (end) => this.#down(rank, link, end),
      });
    }
  }

  #begin(channel: number, operation: number): Gathering {
    const gathering: Gathering = {
      channel,
      operation,
      contributions: new Map(),
      timer: undefined,
      due: Number.POSITIVE_INFINITY,
      timeoutMs: 0,
    };
    this.#gatherings.set(channel, gathering);
    return gathering;
  }

  /** Tells the remaining ranks that one leaves, who takes the coordinator with it; resolves when they have been told. */
  async leave(rank: number): Promise<void> {
    this.#left(rank);
    const links = [...this.#links].filter(([other]) => !this.#gone.has(other));
    for (const [other] of links) this.#gone.add(other);
    for (const { timer } of this.#gatherings.values()) clearTimeout(timer);
    await Promise.all(links.map(([, link]) => link.close()));
  }

  #message(rank: number, link: Link, { kind, payload }: Message): void {
    if (this.#gone.has(rank)) return;
    try {
      if (kind === KIND.contribution)
        this.#contribute(rank, decodeContribution(payload, link.peer));
      else if (kind === KIND.left) this.#left(rank);
      else if (kind === KIND.notice) this.#broadcast(kind, encodeNotice(rank, payload), rank);
      else throw refusedKind(link.peer, kind, 'a contribution');
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      this.#down(rank, link, { reason: 'broke the protocol', error });
    }
  }

  #contribute(rank: number, contribution: Contribution): void {
    const { channel, operation } = contribution;
    const gathering = this.#gatherings.get(channel) ?? this.#begin(channel, 0);
    // An operation that failed before this rank came to it; the failure is on its way.
    if (operation < gathering.operation) return;
    const { contributions } = gathering;
    if (operation > gathering.operation || contributions.has(rank)) {
      throw new ProtocolError({
        message: `rank ${rank} came to operation ${operation} of channel ${channel}; expected was operation ${gathering.operation}.`,
        details: { rank, channel, found: operation, expected: gathering.operation },
      });
    }
    contributions.set(rank, contribution);
    if (this.#broken) this.#fail(gathering, this.#broken);
    else if (contributions.size === this.#links.size) this.#complete(gathering);
    else this.#arm(gathering, contribution.timeoutMs);
  }

  #arm(gathering: Gathering, timeoutMs: number): void {
    const due = performance.now() + timeoutMs;
    if (due >= gathering.due) return;
    clearTimeout(gathering.timer);
    gathering.due = due;
    gathering.timeoutMs = timeoutMs;
    gathering.timer = setTimeout(() => {
      const { contributions } = gathering;
      const [first] = contributions.values();
      this.#fail(
        gathering,
        deadlineFault({
          what: nameOfOperation(first!.kind),
          timeoutMs: gathering.timeoutMs,
          size: this.#links.size,
          arrived: [...contributions.keys()],
        }),
      );
    }, timeoutMs);
  }

  #complete(gathering: Gathering): void {
    const { contributions } = gathering;
    const parts = Array.from({ length: this.#links.size }, (_, rank) => contributions.get(rank)!);
    this.#finish(gathering, KIND.gathered, encodeGathered(gathering, parts));
  }

  #fail(gathering: Gathering, fault: Fault): void {
    this.#finish(gathering, KIND.failed, encodeFailed(gathering, fault));
  }

  #finish({ channel, operation, timer }: Gathering, kind: Kind, payload: Uint8Array): void {
    clearTimeout(timer);
    this.#begin(channel, operation + 1);
    this.#broadcast(kind, payload);
  }

  #broadcast(kind: Kind, payload: Uint8Array, except?: number): void {
    for (const [rank, link] of this.#links) {
      if (rank !== except && !this.#gone.has(rank)) link.send(kind, payload);
    }
  }

  #left(rank: number): void {
    if (this.#gone.has(rank)) return;
    const link = this.#links.get(rank)!;
    this.#gone.add(rank);
    void link.close();
    this.#broadcast(KIND.left, encodeNumbered(rank));
    this.#break(leftFault(rank));
  }

  #down(rank: number, link: Link, end: LinkEnd): void {
    if (this.#gone.has(rank)) return;
    this.#gone.add(rank);
    const refusal = end.error && faultOf(end.error);
    if (refusal) link.send(KIND.refused, encodeFault(refusal));
    if (refusal) void link.close();
    else link.destroy();
    const reason = end.error ? `${end.reason} (${end.error.message})` : end.reason;
    const fault = lostFault(rank, link.peer, reason);
    this.#broadcast(KIND.lost, encodeNumbered(rank, fault));
    this.#break(fault);
  }

  /** Without a rank no operation can be complete: what is gathering fails now, and so do all later ones. */
  #break(fault: Fault): void {
    this.#broken ??= fault;
    for (const gathering of this.#gatherings.values())
      if (gathering.contributions.size > 0) this.#fail(gathering, fault);
  }
}
