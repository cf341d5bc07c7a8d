import { type EvidenceKind, type Plan, type PlanEngine, splitKernelId } from '@arfuse/contract';
import type { EvidenceSource } from '../evidence/evidence-source.ts';
import { beats, nanoseconds, type Timed } from '../policy/rank.ts';
import type { ClassDecider } from './decide-class.ts';
import { formatRange } from './fates.ts';

/** Kinds of evidence that are times of this box. */
const TIMED: readonly EvidenceKind[] = ['measured', 'transferred'];

/** Inclusive token ranges of cells that follow each other. */
function joinCells(decider: ClassDecider, tokens: ReadonlySet<number>): [number, number][] {
  const ranges: [number, number][] = [];
  let open = false;
  for (const { cell } of decider.decidedCells()) {
    if (!tokens.has(cell.tokens)) open = false;
    else if (open) ranges.at(-1)![1] = cell.tokens;
    else {
      ranges.push([cell.tokens, cell.tokens]);
      open = true;
    }
  }
  return ranges;
}

/** Kernels that tables measured for a class, that no installed backend has, and that would win. */
export function missingWinners(
  decider: ClassDecider,
  source: EvidenceSource,
  installed: ReadonlySet<string>,
): string[] {
  const notes: string[] = [];
  for (const list of source.measured(decider.scope)) {
    const { kernels } = list;
    const missing = kernels.filter((kernel) => !installed.has(kernel));
    if (missing.length === 0) continue;
    const wins = new Set<number>();
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    let table: string | undefined;
    for (const { cell, decision } of decider.decidedCells()) {
      const evidence = decider.evidence(list, cell, TIMED);
      const chosen = cell.evidence(decision.candidate, TIMED);
      if (evidence?.us === undefined || chosen?.us === undefined) continue;
      const fast: Timed = { candidate: decision.candidate, evidence, ns: nanoseconds(evidence.us) };
      const slow: Timed = {
        candidate: decision.candidate,
        evidence: chosen,
        ns: nanoseconds(chosen.us),
      };
      if (!beats(fast, slow, cell.margin)) continue;
      const percent = Math.round(((slow.ns - fast.ns) * 100) / slow.ns);
      wins.add(cell.tokens);
      least = Math.min(least, percent);
      most = Math.max(most, percent);
      table ??= evidence.table;
    }
    if (wins.size === 0) continue;
    const backends = [...new Set(missing.map((kernel) => splitKernelId(kernel).backend))];
    const ranges = joinCells(decider, wins).map(formatRange).join(', ');
    notes.push(
      `${backends.join(' and ')} ${backends.length === 1 ? 'is' : 'are'} not installed; ${table ?? 'a table'} says that ` +
        `${kernels.join(' + ')} would win ${decider.scope.site.id} for tokens ${ranges} by ` +
        `${least === most ? least : `${least}–${most}`} %.`,
    );
  }
  return notes;
}

/** Remarks of the policy, such as a shadow's other choice, with the token counts that they hold for. */
export function policyRemarks(decider: ClassDecider): string[] {
  const found = new Map<string, Set<number>>();
  for (const { cell, decision } of decider.decidedCells()) {
    for (const remark of decision.remarks ?? []) {
      const tokens = found.get(remark) ?? new Set();
      found.set(remark, tokens.add(cell.tokens));
    }
  }
  return [...found].map(
    ([remark, tokens]) =>
      `${decider.scope.site.id}, tokens ${joinCells(decider, tokens).map(formatRange).join(', ')}: ${remark}.`,
  );
}

/** Engines pad, so a plan for a graph without any all-reduce says so instead of being silent. */
export function emptyPlanNote(summary: Plan['summary']): string[] {
  return summary.allReduces === 0 && summary.alreadyFused === 0
    ? [
        'The graph has no all-reduce: nothing to plan. A capture with tensor parallelism of 1 looks like this.',
      ]
    : [];
}

/** What a plan was made against, and what of the graph does not look like the engine's own. */
export function engineNotes(engine: PlanEngine | undefined): string[] {
  if (!engine) return [];
  const { id, release, sites, warnings } = engine;
  const fused = sites.filter(({ fused: is }) => is).length;
  return [
    `Fused kernels compete with what ${id} dispatches itself (${release} as published, read and not run); its own matcher ` +
      `fuses ${fused} of ${sites.length} sites. \`arfuse engine\` shows today against best.`,
    ...warnings,
  ];
}
