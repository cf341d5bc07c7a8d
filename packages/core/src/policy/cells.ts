import {
  type Candidate,
  type Cell,
  itemsize,
  type PolicyDecision,
  type PolicyTrace,
} from '@arfuse/contract';

/** `c0 (ar_add_rms, hidden 4096) at 128 tokens, graph`. */
export function describeCell({ site, tokens, mode }: Cell): string {
  return `${site.id} (${site.pattern}, hidden ${site.hidden}, ${site.dtype}) at ${tokens} tokens, ${mode} mode`;
}

/** Bytes of one rank's message. */
export function messageBytes({ site, tokens }: Cell): number {
  return tokens * site.hidden * itemsize(site.dtype);
}

type Denied = NonNullable<PolicyTrace['denied']>;

/** The cell without the candidates for which `why` gives a reason. */
export function without(
  cell: Cell,
  why: (candidate: Candidate) => string | undefined,
): { cell: Cell; denied: Denied } {
  const kept: Candidate[] = [];
  const denied: { candidate: string; reason: string }[] = [];
  for (const candidate of cell.candidates) {
    const reason = why(candidate);
    if (reason === undefined) kept.push(candidate);
    else denied.push({ candidate: candidate.name, reason });
  }
  if (denied.length === 0) return { cell, denied };
  const gone = cell.candidates.filter((candidate) => !kept.includes(candidate));
  return {
    cell: {
      ...cell,
      candidates: kept,
      refused: [
        ...cell.refused,
        ...gone.map((candidate) => ({ candidate, reasons: [why(candidate)!] })),
      ],
    },
    denied,
  };
}

/** Adds what a wrapper did to a decision. */
export function traced(
  decision: PolicyDecision,
  denied: Denied,
  remarks: readonly string[] = [],
): PolicyDecision {
  if (denied.length === 0 && remarks.length === 0) return decision;
  return {
    ...decision,
    denied: [...(decision.denied ?? []), ...denied],
    remarks: [...(decision.remarks ?? []), ...remarks],
  };
}
