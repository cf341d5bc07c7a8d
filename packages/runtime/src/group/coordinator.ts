import { ArfuseError, ProtocolError } from '@arfuse/contract';
import { encodeFault, type Fault, faultOf } from '../wire/fault.ts';
import { KIND, type Kind, refusedKind } from '../wire/frame.ts';
import type { Link, LinkEnd, Message } from '../wire/link.ts';
import { deadlineFault, leftFault, lostFault } from './faults.ts';
import {
  type Contribution,
  decodeContribution,
  encodeGathered,
  encodeNumbered,
  nameOfOperation,
} from './messages.ts';

/** The operation that ranks are gathering for. */
interface Gathering {
  readonly contributions: Map<number, Contribution>;
  timer: NodeJS.Timeout | undefined;
  /** When it fails, on the clock of `performance.now()`. */
  due: number;
  /** The time limit that `due` comes from, in milliseconds. */
  timeoutMs: number;
}

/**
 * Gathers what the ranks give to one operation after the other, and tells everyone what came of it. It knows nothing of what
 * operations mean. Because an operation needs every rank, only one can be gathering.
 */
export class Coordinator {
  readonly #links: ReadonlyMap<number, Link>;
  readonly #gone = new Set<number>();
  #operation = 0;
  #gathering: Gathering = Coordinator.#empty();
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

  static #empty(): Gathering {
    return {
      contributions: new Map(),
      timer: undefined,
      due: Number.POSITIVE_INFINITY,
      timeoutMs: 0,
    };
  }

  /** Tells the remaining ranks that one leaves, who takes the coordinator with it; resolves when they have been told. */
  async leave(rank: number): Promise<void> {
    this.#left(rank);
    const links = [...this.#links].filter(([other]) => !this.#gone.has(other));
    for (const [other] of links) this.#gone.add(other);
    clearTimeout(this.#gathering.timer);
    await Promise.all(links.map(([, link]) => link.close()));
  }

  #message(rank: number, link: Link, { kind, payload }: Message): void {
    if (this.#gone.has(rank)) return;
    try {
      if (kind === KIND.contribution)
        this.#contribute(rank, decodeContribution(payload, link.peer));
      else if (kind === KIND.left) this.#left(rank);
      else throw refusedKind(link.peer, kind, 'a contribution');
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      this.#down(rank, link, { reason: 'broke the protocol', error });
    }
  }

  #contribute(rank: number, contribution: Contribution): void {
    // An operation that failed before this rank came to it; the failure is on its way.
    if (contribution.operation < this.#operation) return;
    const { contributions } = this.#gathering;
    if (contribution.operation > this.#operation || contributions.has(rank)) {
      throw new ProtocolError({
        message: `rank ${rank} came to operation ${contribution.operation}; expected was operation ${this.#operation}.`,
        details: { rank, found: contribution.operation, expected: this.#operation },
      });
    }
    contributions.set(rank, contribution);
    if (this.#broken) this.#fail(this.#broken);
    else if (contributions.size === this.#links.size) this.#complete();
    else this.#arm(contribution.timeoutMs);
  }

  #arm(timeoutMs: number): void {
    const gathering = this.#gathering;
    const due = performance.now() + timeoutMs;
    if (due >= gathering.due) return;
    clearTimeout(gathering.timer);
    gathering.due = due;
    gathering.timeoutMs = timeoutMs;
    gathering.timer = setTimeout(() => {
      const { contributions } = gathering;
      const [first] = contributions.values();
      this.#fail(
        deadlineFault({
          what: nameOfOperation(first!.kind),
          timeoutMs: gathering.timeoutMs,
          size: this.#links.size,
          arrived: [...contributions.keys()],
        }),
      );
    }, timeoutMs);
  }

  #complete(): void {
    const { contributions } = this.#gathering;
    const parts = Array.from({ length: this.#links.size }, (_, rank) => contributions.get(rank)!);
    this.#finish(KIND.gathered, encodeGathered(this.#operation, parts));
  }

  #fail(fault: Fault): void {
    this.#finish(KIND.failed, encodeNumbered(this.#operation, fault));
  }

  #finish(kind: Kind, payload: Uint8Array): void {
    clearTimeout(this.#gathering.timer);
    this.#gathering = Coordinator.#empty();
    this.#operation += 1;
    this.#broadcast(kind, payload);
  }

  #broadcast(kind: Kind, payload: Uint8Array): void {
    for (const [rank, link] of this.#links) {
      if (!this.#gone.has(rank)) link.send(kind, payload);
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
    if (this.#gathering.contributions.size > 0) this.#fail(fault);
  }
}
