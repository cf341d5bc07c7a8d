import type { Fault } from '../wire/fault.ts';

/** `rank 1`, `ranks 0, 2, 3`, or `no rank`; long lists are cut. */
export function ranksText(ranks: readonly number[]): string {
  if (ranks.length === 0) return 'no rank';
  if (ranks.length === 1) return `rank ${ranks[0]}`;
  const shown = ranks.slice(0, 16).join(', ');
  return `ranks ${shown}${ranks.length > 16 ? `, … (${ranks.length} in all)` : ''}`;
}

/** Ranks of a group that have not arrived, in order. */
export function missingRanks(size: number, arrived: readonly number[]): number[] {
  const known = new Set(arrived);
  return Array.from({ length: size }, (_, rank) => rank).filter((rank) => !known.has(rank));
}

function arrivals(arrived: readonly number[], missing: readonly number[]): string {
  const have = arrived.length > 1 ? 'have' : 'has';
  const not = missing.length > 1 ? 'have not' : 'has not';
  return `${ranksText(arrived)} ${have} arrived, ${ranksText(missing)} ${not}`;
}

/** A deadline that passed, with who has arrived and who has not. */
export function deadlineFault(options: {
  /** `rendezvous`, or the name of an operation. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly size: number;
  readonly arrived: readonly number[];
  /** Connections that were refused meanwhile, as texts. */
  readonly refused?: readonly string[];
}): Fault {
  const { what, timeoutMs, size, refused = [] } = options;
  const arrived = [...options.arrived].sort((a, b) => a - b);
  const missing = missingRanks(size, arrived);
  const rendezvous = what === 'rendezvous';
  return {
    code: 'ARFUSE_DEADLINE',
    message:
      `${rendezvous ? 'the rendezvous' : `${what}()`} was not complete after ${timeoutMs / 1000} s: ` +
      `${arrivals(arrived, missing)}.` +
      (refused.length > 0 ? ` Refused meanwhile: ${refused.join(' ')}` : ''),
    hint: rendezvous
      ? `See what the missing ranks have written, or raise rendezvousTimeoutMs.`
      : `See where the missing ranks are, or raise timeoutMs.`,
    details: {
      what,
      timeoutMs,
      arrived,
      missing,
      ...(refused.length > 0 ? { refused } : {}),
    },
  };
}

/** A rank that died, froze or broke the protocol. */
export function lostFault(rank: number | undefined, peer: string, reason: string): Fault {
  return {
    code: 'ARFUSE_PEER_LOST',
    message: `${peer} is lost: it ${reason}.`,
    hint: 'See what it has written last; the other ranks have to open a new group.',
    details: { ...(rank === undefined ? {} : { rank }), peer, reason },
  };
}

/** A rank that left while others still needed it. */
export function leftFault(rank: number): Fault {
  return {
    code: 'ARFUSE_PEER_LOST',
    message: `rank ${rank} has left the group by close().`,
    hint: 'Close the group at all ranks after the same operation.',
    details: { rank, reason: 'left' },
  };
}
