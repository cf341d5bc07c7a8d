import type { Cell, EvidenceKind, Margin, Policy, PolicyDecision } from '@arfuse/contract';
import { rank, rankingReason, type Timed, timedCandidates } from './rank.ts';

/** Settings of policies that compare times. */
export interface TimedSettings {
  /** Compare unfused candidates alone, for where no fused one has a time. Default: false. */
  readonly unfusedOnly?: boolean;
}

const abstain = (reason: string): PolicyDecision => ({ kind: 'abstain', reason });

/** Why the times do not suffice for a decision, or undefined. */
function lacking(cell: Cell, timed: readonly Timed[], what: string): string | undefined {
  if (timed.length === 0) return `nothing is ${what} for this box and class.`;
  if (!timed.some(({ candidate }) => !candidate.fused)) return `no unfused candidate is ${what}.`;
  if (
    cell.candidates.some(({ fused }) => fused) &&
    !timed.some(({ candidate }) => candidate.fused)
  ) {
    return `no fused candidate is ${what}.`;
  }
  if (timed.length === 1 && cell.candidates.length > 1)
    return `only ${timed[0]!.candidate.name} is ${what}.`;
  return undefined;
}

function byTime(
  name: string,
  what: string,
  kinds: readonly EvidenceKind[],
  settings: TimedSettings,
  widen: (margin: Margin) => Margin = (margin) => margin,
): Policy {
  return {
    name: settings.unfusedOnly ? `${name}, unfused only` : name,
    decide: (given) => {
      const cell = settings.unfusedOnly
        ? { ...given, candidates: given.candidates.filter(({ fused }) => !fused) }
        : given;
      const timed = timedCandidates(cell, kinds);
      const lack = lacking(cell, timed, what);
      const ranking = lack === undefined ? rank(timed, widen(cell.margin)) : undefined;
      if (!ranking) return abstain(lack ?? `nothing is ${what}.`);
      const { candidate, evidence } = ranking.winner;
      return { kind: 'choose', candidate, evidence, reason: rankingReason(ranking) };
    },
  };
}

/** Decides by times that were measured on this box, where a fused and an unfused candidate have one. */
export function measured(settings: TimedSettings = {}): Policy {
  return byTime('measured', 'measured', ['measured'], settings);
}

/**
 * As {@link measured}, with times that were measured at another hidden size for as many bytes. Such evidence carries a
 * spread of its own, which widens the margin.
 */
export function transferred(settings: TimedSettings = {}): Policy {
  return byTime('transferred', 'measured or transferred', ['measured', 'transferred'], settings);
}

/**
 * Decides by the cost model, where its leave-one-out error for this box is small enough; measured times count too.
 * The gain must exceed twice the margin; errors of single estimates, which change from row to row, do not count again.
 */
export function costModel(settings: TimedSettings = {}): Policy {
  return byTime(
    'costModel',
    'measured or estimated',
    ['measured', 'transferred', 'estimated'],
    settings,
    ({ percent }) => ({
      percent: percent * 2,
      spreads: 0,
    }),
  );
}

/**
 * Takes the kernel that a shipping engine takes for this message size: the fused one where a published limit names it,
 * else the unfused one.
 */
export function published(): Policy {
  return {
    name: 'published',
    decide: (cell) => {
      const named = cell.candidates.flatMap((candidate) => {
        const evidence = cell.evidence(candidate, ['published']);
        return evidence ? [{ candidate, evidence }] : [];
      });
      const chosen = named.find(({ candidate }) => candidate.fused) ?? named[0];
      if (!chosen) return abstain('no published limit names a candidate for this message size.');
      return { kind: 'choose', ...chosen, reason: `published: ${chosen.evidence.note}` };
    },
  };
}
