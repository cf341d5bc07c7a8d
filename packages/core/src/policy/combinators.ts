import {
  type Candidate,
  type Cell,
  DEFAULT_ALLOWED_DEVIATIONS,
  type Margin,
  NEVER_DEVIATIONS,
  NUMERICS_FIELDS,
  type Policy,
  type PolicyDecision,
  PolicyError,
} from '@arfuse/contract';
import { describeCell, messageBytes, traced, without } from './cells.ts';
import { checkScope, describeScope, inScope, type RuleScope, scopeEdges } from './scope.ts';
import { describeSelector, type Selector, selects } from './selector.ts';

/** A policy around another: what it says, its demands, and its edges. */
function wrap(
  inner: Policy,
  name: string,
  around: (
    cell: Cell,
    ask: (cell: Cell) => PolicyDecision | undefined,
  ) => PolicyDecision | undefined,
  more: Partial<Policy> = {},
): Policy {
  return {
    name,
    ...(inner.allowDeviations ? { allowDeviations: inner.allowDeviations } : {}),
    ...(inner.batchInvariant ? { batchInvariant: true } : {}),
    ...more,
    edges: [...(inner.edges ?? []), ...(more.edges ?? [])],
    decide: (cell) =>
      around(cell, (inside) => inner.decide(inside)) ?? {
        kind: 'abstain',
        reason: `${name} does not apply.`,
      },
    ...(inner.demand
      ? { demand: (cell: Cell) => around(cell, (inside) => inner.demand?.(inside)) }
      : {}),
  };
}

/** The cell as a policy may see it that allows other deviations than its neighbours. */
function restricted(cell: Cell, policy: Policy, united: boolean): Cell {
  if (!united) return cell;
  const allowed = new Set<string>(policy.allowDeviations ?? DEFAULT_ALLOWED_DEVIATIONS);
  return without(cell, ({ deviations }) => {
    const other = deviations.find(({ name }) => !allowed.has(name));
    return other && `deviates in ${other.name}, which ${policy.name} does not allow.`;
  }).cell;
}

/** What the explicit rules inside the policies demand; they must agree. */
function demandOf(
  policies: readonly Policy[],
  cell: Cell,
  see: (policy: Policy) => Cell,
): PolicyDecision | undefined {
  let first: { policy: Policy; decision: PolicyDecision & { kind: 'choose' } } | undefined;
  for (const policy of policies) {
    const decision = policy.demand?.(see(policy));
    if (decision?.kind !== 'choose') continue;
    if (first && first.decision.candidate !== decision.candidate) {
      throw new PolicyError({
        message:
          `two rules disagree in ${describeCell(cell)}: ${first.decision.reason} demands ` +
          `${first.decision.candidate.name}, ${decision.reason} demands ${decision.candidate.name}.`,
        hint: 'Give the rules ranges that do not overlap.',
        details: { class: cell.site.id, tokens: cell.tokens },
      });
    }
    first ??= { policy, decision };
  }
  return first?.decision;
}

/** Why stronger evidence was silent, for a decision that no time speaks for. */
function unlessTimed(
  { evidence }: PolicyDecision & { kind: 'choose' },
  silent: readonly string[],
): string {
  const last = silent.at(-1);
  return last === undefined || (evidence.kind !== 'published' && evidence.kind !== 'static')
    ? ''
    : ` Before it, ${last}`;
}

/**
 * The first policy that decides. Explicit rules (`override`, `prefer` with `must`) win over every other policy, wherever
 * they stand.
 */
export function firstOf(...policies: readonly Policy[]): Policy {
  if (policies.length === 0) {
    throw new PolicyError({
      message: 'firstOf() has no policies.',
      hint: 'Give at least one, e.g. staticOrder().',
    });
  }
  const united = policies.some((policy) => policy.allowDeviations);
  const allowed = new Set(
    policies.flatMap((policy) => policy.allowDeviations ?? DEFAULT_ALLOWED_DEVIATIONS),
  );
  const demand = (cell: Cell): PolicyDecision | undefined =>
    demandOf(policies, cell, (policy) => restricted(cell, policy, united));
  return {
    name: `firstOf(${policies.map(({ name }) => name).join(', ')})`,
    edges: policies.flatMap(({ edges }) => edges ?? []),
    ...(united ? { allowDeviations: [...allowed] } : {}),
    ...(policies.some((policy) => policy.batchInvariant) ? { batchInvariant: true } : {}),
    ...(policies.some((policy) => policy.demand) ? { demand } : {}),
    decide: (cell) => {
      const demanded = demand(cell);
      if (demanded) return demanded;
      const silent: string[] = [];
      let trace: PolicyDecision | undefined;
      for (const policy of policies) {
        const decision = policy.decide(restricted(cell, policy, united));
        const joined = trace ? traced(decision, trace.denied ?? [], trace.remarks ?? []) : decision;
        if (decision.kind === 'choose') {
          const { candidate, evidence } = decision;
          return {
            ...joined,
            kind: 'choose',
            candidate,
            evidence,
            reason: `${decision.reason}${unlessTimed(decision, silent)}`,
          };
        }
        trace = joined;
        if (!decision.reason.endsWith('does not apply.'))
          silent.push(`${policy.name}: ${decision.reason}`);
      }
      return { ...trace, kind: 'abstain', reason: silent.join(' ') };
    },
  };
}

/** The policy inside a scope, or where a test holds; abstains elsewhere. */
export function when(condition: RuleScope | ((cell: Cell) => boolean), policy: Policy): Policy {
  const scope = typeof condition === 'function' ? {} : condition;
  checkScope('when', scope);
  const holds =
    typeof condition === 'function' ? condition : (cell: Cell): boolean => inScope(cell, condition);
  return wrap(
    policy,
    `when(…, ${policy.name})`,
    (cell, ask) => (holds(cell) ? ask(cell) : undefined),
    {
      edges: scopeEdges(scope),
    },
  );
}

function denying(
  name: string,
  policy: Policy,
  why: (candidate: Candidate, cell: Cell) => string | undefined,
  edges: readonly number[],
): Policy {
  return wrap(
    policy,
    name,
    (cell, ask) => {
      const left = without(cell, (candidate) => why(candidate, cell));
      if (left.cell.candidates.length === 0) {
        throw new PolicyError({
          message: `${name} leaves no candidate in ${describeCell(cell)}.`,
          hint: 'Narrow the rule.',
          details: { class: cell.site.id, tokens: cell.tokens },
        });
      }
      const decision = ask(left.cell);
      return decision && traced(decision, left.denied);
    },
    { edges },
  );
}

/** The policy without the candidates that use a kernel or backend. */
export function deny(selector: Selector, policy: Policy, scope: RuleScope = {}): Policy {
  const rule = `deny(${describeSelector(selector)})${describeScope(scope)}`;
  checkScope(rule, scope);
  return denying(
    rule,
    policy,
    (candidate, cell) =>
      inScope(cell, scope) && selects(selector, candidate) ? `${rule}.` : undefined,
    scopeEdges(scope),
  );
}

/** The policy with a kernel or backend allowed up to a token count, or up to the bytes of one rank's message. */
export function cap(
  selector: Selector,
  limit: { readonly tokens: number } | { readonly bytes: number },
  policy: Policy,
): Policy {
  const [unit, value] =
    'tokens' in limit ? (['tokens', limit.tokens] as const) : (['bytes', limit.bytes] as const);
  const rule = `cap(${describeSelector(selector)}, ${value} ${unit})`;
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw new PolicyError({
      message: `${rule}: the limit is no integer ≥ 0.`,
      hint: 'Give tokens or bytes.',
      details: { value },
    });
  }
  const size = (cell: Cell): number => (unit === 'tokens' ? cell.tokens : messageBytes(cell));
  return denying(
    rule,
    policy,
    (candidate, cell) =>
      size(cell) > value && selects(selector, candidate) ? `${rule}.` : undefined,
    unit === 'tokens' ? [value + 1] : [],
  );
}

/** The policy with another margin: the gain in percent, and in spreads, that a switch must exceed. */
export function margin(change: Partial<Margin>, policy: Policy): Policy {
  for (const [name, value] of Object.entries(change)) {
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) continue;
    throw new PolicyError({
      message: `margin: ${name} is ${String(value)}.`,
      hint: 'Use a number ≥ 0.',
      details: { name, value },
    });
  }
  return wrap(policy, policy.name, (cell, ask) =>
    ask({ ...cell, margin: { ...cell.margin, ...change } }),
  );
}

/** The first policy decides; what the second would have chosen instead is remarked in the plan. */
export function shadow(enforced: Policy, observed: Policy): Policy {
  return wrap(
    enforced,
    enforced.name,
    (cell, ask) => {
      const decision = ask(cell);
      if (decision?.kind !== 'choose') return decision;
      const other = observed.decide(cell);
      if (other.kind !== 'choose' || other.candidate === decision.candidate) return decision;
      return traced(
        decision,
        [],
        [`shadow policy ${observed.name} would run ${other.candidate.name}`],
      );
    },
    { edges: observed.edges ?? [] },
  );
}

/**
 * The policy with these deviations allowed in place of the default list.
 * @throws PolicyError for a name that is none, or that is never allowed
 * @see DEFAULT_ALLOWED_DEVIATIONS
 */
export function allowDeviations(names: readonly string[], policy: Policy): Policy {
  const known: readonly string[] = NUMERICS_FIELDS;
  const never: readonly string[] = NEVER_DEVIATIONS;
  for (const name of names) {
    if (known.includes(name) && !never.includes(name)) continue;
    throw new PolicyError({
      message: never.includes(name)
        ? `allowDeviations: "${name}" changes the function itself and is never allowed.`
        : `allowDeviations: "${name}" is no deviation.`,
      hint: `Names: ${known.filter((field) => !never.includes(field)).join(', ')}.`,
      details: { name },
    });
  }
  const allowed = new Set(names);
  return wrap(
    policy,
    policy.name,
    (cell, ask) => {
      const left = without(cell, ({ deviations }) => {
        const other = deviations.find(({ name }) => !allowed.has(name));
        return other && `deviates in ${other.name}, which the policy does not allow.`;
      });
      const decision = ask(left.cell);
      return decision && traced(decision, left.denied);
    },
    { allowDeviations: [...names] },
  );
}

/**
 * The policy with only those candidates whose result for a row is the same whatever the batch. The finished plan is
 * checked as a whole: every segment of a class must have the same numerics.
 */
export function batchInvariant(policy: Policy): Policy {
  const rule = 'batchInvariant';
  const inner = denying(
    rule,
    policy,
    ({ numerics }) =>
      numerics.geometryInvariant
        ? undefined
        : 'its result for a row depends on the number of rows.',
    [],
  );
  return { ...inner, batchInvariant: true };
}
