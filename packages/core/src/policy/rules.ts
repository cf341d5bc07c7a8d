import {
  type Candidate,
  type Cell,
  type Evidence,
  type Policy,
  type PolicyDecision,
  PolicyError,
} from '@arfuse/contract';
import { describeCell } from './cells.ts';
import { checkScope, describeScope, inScope, type RuleScope, scopeEdges } from './scope.ts';
import { describeSelector, pick, type Selector, selects } from './selector.ts';

function ruleEvidence(cell: Cell, candidate: Candidate, rule: string): Evidence {
  const known = cell.evidence(candidate);
  return { kind: 'rule', note: rule, ...(known?.us === undefined ? {} : { us: known.us }) };
}

/** Why the candidates that a rule means are not admitted here. */
function refusalsOf(selector: Selector, cell: Cell): string {
  const refused = cell.refused.filter(({ candidate }) => selects(selector, candidate));
  if (refused.length === 0) return 'No installed backend offers it for this class.';
  return refused
    .map(({ candidate, reasons }) => `${candidate.name} ${reasons.join(' ')}`)
    .join(' ');
}

/**
 * An explicit rule: this kernel, wherever it stands in the policy, or an error.
 * @throws PolicyError from `decide` and `demand` where the kernel is not admitted
 */
export function override(selector: Selector, scope: RuleScope = {}): Policy {
  const rule = `override(${describeSelector(selector)})${describeScope(scope)}`;
  checkScope(rule, scope);
  const demand = (cell: Cell): PolicyDecision | undefined => {
    if (!inScope(cell, scope)) return undefined;
    const candidate = pick(selector, cell);
    if (!candidate) {
      throw new PolicyError({
        message: `${rule} cannot be obeyed in ${describeCell(cell)}. ${refusalsOf(selector, cell)}`,
        hint: 'Narrow the rule, use prefer() to fall back to the next policy, or change the target.',
        details: { rule, class: cell.site.id, tokens: cell.tokens, mode: cell.mode },
      });
    }
    return {
      kind: 'choose',
      candidate,
      evidence: ruleEvidence(cell, candidate, rule),
      reason: `${rule}.`,
    };
  };
  return {
    name: rule,
    edges: scopeEdges(scope),
    demand,
    decide: (cell) => demand(cell) ?? { kind: 'abstain', reason: `${rule} does not apply.` },
  };
}

/** Where a preference holds, and whether it must. */
export interface PreferSettings extends RuleScope {
  /** Throw where the kernel is not admitted, and win wherever the rule stands: the same as {@link override}. */
  readonly must?: boolean;
}

/** This kernel where it is admitted, else the next policy. */
export function prefer(selector: Selector, settings: PreferSettings = {}): Policy {
  const { must, ...scope } = settings;
  if (must) return override(selector, scope);
  const rule = `prefer(${describeSelector(selector)})${describeScope(scope)}`;
  checkScope(rule, scope);
  return {
    name: rule,
    edges: scopeEdges(scope),
    decide: (cell) => {
      if (!inScope(cell, scope)) return { kind: 'abstain', reason: `${rule} does not apply.` };
      const candidate = pick(selector, cell);
      if (!candidate)
        return { kind: 'abstain', reason: `${rule}: not admitted. ${refusalsOf(selector, cell)}` };
      return {
        kind: 'choose',
        candidate,
        evidence: ruleEvidence(cell, candidate, rule),
        reason: `${rule}.`,
      };
    },
  };
}

/**
 * The first of the given kernels that is admitted; without a list, the simplest candidate. Never looks at times.
 */
export function staticOrder(...selectors: readonly Selector[]): Policy {
  return {
    name:
      selectors.length === 0
        ? 'staticOrder'
        : `staticOrder(${selectors.map(describeSelector).join(', ')})`,
    decide: (cell) => {
      for (const selector of selectors) {
        const candidate = pick(selector, cell);
        if (!candidate) continue;
        const note = `${describeSelector(selector)} is the first admitted of a fixed order`;
        return {
          kind: 'choose',
          candidate,
          evidence: { kind: 'static', note: `${note}.` },
          reason: `${note}.`,
        };
      }
      const simplest = cell.candidates[0];
      if (selectors.length > 0 || !simplest) {
        return { kind: 'abstain', reason: 'no kernel of the fixed order is admitted.' };
      }
      const note = 'nothing is known about times here, so the simplest candidate runs.';
      return {
        kind: 'choose',
        candidate: simplest,
        evidence: { kind: 'static', note },
        reason: note,
      };
    },
  };
}
