import {
  type Candidate,
  type Cell,
  type CellSite,
  type Evidence,
  type EvidenceKind,
  type Kernel,
  type PlanSegment,
  type Policy,
  type PolicyDecision,
  PolicyError,
  type Target,
  type TargetGroup,
} from '@arfuse/contract';
import type { Engine } from '@arfuse/engines';
import { contains } from '../candidates/admitted-ranges.ts';
import { findCandidates, type RangedCandidate } from '../candidates/candidates.ts';
import {
  type LaunchRun,
  type LaunchSpan,
  launchRuns,
  launchSpans,
  rowsOf,
} from '../candidates/launches.ts';
import { competitors, todayCandidate } from '../engine/competitors.ts';
import { type EngineCell, engineCells } from '../engine/engine-cells.ts';
import type {
  EvidencePoint,
  EvidenceScope,
  EvidenceSource,
  KernelList,
} from '../evidence/evidence-source.ts';
import { describeCell } from '../policy/cells.ts';
import { DEFAULT_MARGIN } from '../policy/default-policy.ts';

/** What all decisions of a plan share. */
export interface DecisionContext {
  readonly target: Target;
  readonly kernels: readonly Kernel[];
  readonly policy: Policy;
  readonly allowedDeviations: ReadonlySet<string>;
  readonly source: EvidenceSource;
  /** What the candidates have to beat, where the plan is made for an engine. */
  readonly engine?: Engine;
}

/** A process group with the graph's own name of it. */
export interface NamedGroup extends TargetGroup {
  readonly name: string;
}

/** A decision at one row count. */
export interface DecidedCell {
  readonly cell: Cell;
  readonly decision: PolicyDecision & { readonly kind: 'choose' };
}

/** Kinds of evidence that tables give, strongest first. */
export const LADDER: readonly EvidenceKind[] = [
  'measured',
  'transferred',
  'published',
  'estimated',
];

/** Launches with one decision. */
interface DecidedRange {
  readonly min: number;
  readonly max: number;
  readonly first: DecidedCell;
  readonly last: DecidedCell;
}

/** All decisions for one class; pure, and each cell is decided once. */
export class ClassDecider {
  readonly candidates: readonly RangedCandidate[];
  readonly spans: readonly LaunchSpan[];
  /** What the engine dispatches over the token domain; empty without one. */
  readonly engineCells: readonly EngineCell[];
  /** What tables are asked about. */
  readonly scope: EvidenceScope;
  readonly groupName: string;
  readonly #site: CellSite;
  readonly #lists = new Map<Candidate, KernelList>();
  readonly #context: DecisionContext;
  readonly #decided = new Map<number, DecidedCell>();

  constructor(site: CellSite, group: NamedGroup, context: DecisionContext) {
    this.#site = site;
    this.groupName = group.name;
    this.#context = context;
    this.scope = { site, target: context.target, group };
    this.spans = launchSpans(context.target);
    const { target, kernels, engine } = context;
    const scope = { site, target, group, spans: this.spans };
    const own = findCandidates(scope, kernels, context.allowedDeviations);
    this.engineCells = engine
      ? engineCells(engine, { site, target, group, groupName: group.name }, this.spans)
      : [];
    this.candidates = engine ? competitors(scope, own, kernels, engine.id, this.engineCells) : own;
  }

  /** The strongest evidence of the given kinds for any kernels at a launch of this class. */
  evidence(
    list: KernelList,
    point: EvidencePoint,
    kinds: readonly EvidenceKind[],
  ): Evidence | undefined {
    return this.#context.source.find(this.scope, list, point, kinds);
  }

  #listOf(candidate: Candidate): KernelList {
    let list = this.#lists.get(candidate);
    if (!list) {
      const { steps } = candidate;
      list = {
        kernels: steps.map((step) => step.kernel),
        covers: steps.map((step) => step.covers),
      };
      this.#lists.set(candidate, list);
    }
    return list;
  }

  /** Asks for the strongest evidence first, which answers most questions about weaker kinds. */
  #evidenceOf(
    candidate: Candidate,
    point: EvidencePoint,
    kinds: readonly EvidenceKind[],
    known: Map<Candidate, Evidence | undefined>,
  ): Evidence | undefined {
    const list = this.#listOf(candidate);
    let strongest = known.get(candidate);
    if (!strongest && !known.has(candidate)) {
      strongest = this.evidence(list, point, LADDER);
      known.set(candidate, strongest);
    }
    if (!strongest || kinds === LADDER || kinds.includes(strongest.kind)) return strongest;
    const weaker = LADDER.slice(LADDER.indexOf(strongest.kind) + 1).filter((kind) =>
      kinds.includes(kind),
    );
    return weaker.length === 0 ? undefined : this.evidence(list, point, weaker);
  }

  #cell(span: LaunchSpan, tokens: number): Cell {
    const rows = rowsOf(span, tokens);
    const known = new Map<Candidate, Evidence | undefined>();
    const point: EvidencePoint = { tokens: rows, mode: span.mode };
    const refused: { candidate: Candidate; reasons: readonly string[] }[] = [];
    const candidates: Candidate[] = [];
    for (const { candidate, admitted, refusals } of this.candidates) {
      if (contains(admitted, tokens)) candidates.push(candidate);
      else {
        const here = refusals.filter(
          ({ tokens: range }) => range === null || contains([range], tokens),
        );
        refused.push({ candidate, reasons: here.flatMap(({ reasons }) => reasons) });
      }
    }
    return {
      site: this.#site,
      tokens: rows,
      mode: span.mode,
      target: this.#context.target,
      candidates,
      refused,
      margin: DEFAULT_MARGIN,
      evidence: (candidate, kinds = LADDER) => this.#evidenceOf(candidate, point, kinds, known),
    };
  }

  /**
   * What the policy says for launches of `tokens` tokens.
   * @throws PolicyError when a rule cannot be obeyed, or nothing decides
   */
  decide(span: LaunchSpan, tokens: number): DecidedCell {
    const at = span.padded ?? tokens;
    const known = this.#decided.get(at);
    if (known) return known;
    const cell = this.#cell(span, at);
    if (cell.candidates.length === 0) {
      const reasons = cell.refused.map(
        ({ candidate, reasons: why }) => `${candidate.name}: ${why.join(' ')}`,
      );
      throw new PolicyError({
        message: `no kernel is admitted for ${describeCell(cell)}. ${reasons.join(' ')}`,
        hint: 'Allow a deviation, install another backend, or change the target.',
        details: { class: this.#site.id, tokens: cell.tokens },
      });
    }
    const { policy } = this.#context;
    const decision = policy.decide(cell);
    if (decision.kind === 'abstain') {
      throw new PolicyError({
        message: `policy ${policy.name} decides nothing for ${describeCell(cell)}. ${decision.reason}`,
        hint: 'End it with staticOrder().',
        details: { class: this.#site.id, tokens: cell.tokens },
      });
    }
    if (!cell.candidates.includes(decision.candidate)) {
      throw new PolicyError({
        message: `policy ${policy.name} chose ${decision.candidate?.name ?? 'nothing'}, which is not admitted for ${describeCell(cell)}.`,
        hint: 'Choose one of cell.candidates.',
        details: { class: this.#site.id, tokens: cell.tokens },
      });
    }
    const decided: DecidedCell = { cell, decision: this.#unlessUnknown(cell, at, decision) };
    this.#decided.set(at, decided);
    return decided;
  }

  /** Without a time for both sides, an engine's own dispatch is not changed. */
  #unlessUnknown(
    cell: Cell,
    tokens: number,
    decision: DecidedCell['decision'],
  ): DecidedCell['decision'] {
    const { engine } = this.#context;
    const { kind } = decision.evidence;
    if (!engine || (kind !== 'static' && kind !== 'published')) return decision;
    const here = this.engineCells.find(({ tokens: [min, max] }) => min <= tokens && tokens <= max);
    const candidate = here && todayCandidate(cell.candidates, here.today);
    if (!here || !candidate) return decision;
    return {
      ...decision,
      candidate,
      evidence: { kind: 'static', note: here.today.citation },
      reason: `Nothing is measured for both sides, so it stays as ${engine.id} dispatches it: ${here.today.rule}`,
    };
  }

  /** Token counts at which a decision may change. */
  #edges(mode: Cell['mode']): number[] {
    const { policy, source } = this.#context;
    return [
      ...source.edges(this.scope, mode),
      ...(policy.edges ?? []).flatMap((edge) => [edge - 1, edge]),
      ...this.engineCells.flatMap(({ tokens }) => tokens),
      ...this.candidates.flatMap(({ admitted }) =>
        admitted.flatMap(([min, max]) => [min - 1, min, max, max + 1]),
      ),
    ];
  }

  /** Adjacent launches with equal decisions, as inclusive ranges that tile a run of launches of one mode. */
  #ranges(run: LaunchRun): DecidedRange[] {
    const found: DecidedRange[] = [];
    const decide = (index: number): DecidedCell =>
      this.decide(run.at(index).span, run.at(index).tokens);
    const push = (first: number, last: number): void => {
      found.push({
        min: run.at(first).min,
        max: run.at(last).tokens,
        first: decide(first),
        last: decide(last),
      });
    };
    const points = run.points(this.#edges(run.mode));
    let start = 0;
    for (let i = 1; i < points.length; i += 1) {
      const high = points[i]!;
      let low = points[i - 1]!;
      while (!sameDecision(decide(low), decide(high))) {
        // The last launch that is decided as `low`.
        let last = low;
        let beyond = high;
        while (beyond - last > 1) {
          const middle = Math.floor((last + beyond) / 2);
          if (sameDecision(decide(low), decide(middle))) last = middle;
          else beyond = middle;
        }
        push(start, last);
        start = beyond;
        low = beyond;
      }
    }
    push(start, run.count - 1);
    return found;
  }

  /** Every cell that was decided, by launched rows. */
  decidedCells(): readonly DecidedCell[] {
    return [...this.#decided.values()].sort((a, b) => a.cell.tokens - b.cell.tokens);
  }

  /** Segments that tile `[1, tokens.max]`; neighbours differ in mode, steps or the kind of evidence. */
  segments(): PlanSegment[] {
    const merged: DecidedRange[] = [];
    for (const range of launchRuns(this.spans).flatMap((run) => this.#ranges(run))) {
      const previous = merged.at(-1);
      if (previous && sameDecision(previous.last, range.first)) {
        merged[merged.length - 1] = { ...previous, max: range.max, last: range.last };
      } else merged.push(range);
    }
    return merged.map(({ min, max, first, last }): PlanSegment => {
      const { candidate, evidence } = last.decision;
      return {
        tokens: [min, max],
        mode: last.cell.mode,
        steps: candidate.steps,
        evidence,
        numerics: candidate.numerics,
        deviations: candidate.deviations,
        reason: reasonOf(first, last),
        ...(evidence.us === undefined ? {} : { expectedUs: evidence.us }),
      };
    });
  }
}

function sameDecision(a: DecidedCell, b: DecidedCell): boolean {
  return (
    a === b ||
    (a.cell.mode === b.cell.mode &&
      a.decision.candidate === b.decision.candidate &&
      a.decision.evidence.kind === b.decision.evidence.kind &&
      a.decision.evidence.table === b.decision.evidence.table)
  );
}

/** The reasons at both ends of a segment, once where they are the same. */
function reasonOf(first: DecidedCell, last: DecidedCell): string {
  if (first.decision.reason === last.decision.reason) return last.decision.reason;
  return `At ${first.cell.tokens} tokens: ${first.decision.reason} At ${last.cell.tokens}: ${last.decision.reason}`;
}
