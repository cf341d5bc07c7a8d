import {
  type CandidateFate,
  formatStages,
  type Plan,
  type PlanSegment,
  type SiteClass,
  type StepParameters,
  UsageError,
} from '@arfuse/contract';
import { formatTarget } from '../target/format-target.ts';
import { nearest } from '../target/nearest.ts';
import { formatRange } from './fates.ts';
import { wrap } from './text.ts';

/** What to explain. */
export interface ExplainOptions {
  /** Id of one site; everything by default. */
  readonly site?: string;
}

const kernelsOf = (segment: PlanSegment): string =>
  segment.steps.map((step) => step.kernel).join(' + ');

function printParams(params: StepParameters): string {
  return Object.keys(params)
    .sort()
    .filter((name) => params[name] !== null && params[name] !== false)
    .map((name) => (params[name] === true ? name : `${name}=${String(params[name])}`))
    .join(' ');
}

function explainSegment(segment: PlanSegment): string[] {
  const { evidence, deviations } = segment;
  const time =
    segment.expectedUs === undefined
      ? ''
      : `, ${segment.expectedUs.toFixed(2)} µs at ${segment.tokens[1]}`;
  const lines = wrap(
    `${kernelsOf(segment)}${time}`,
    `  ${formatRange(segment.tokens)} (${segment.mode}): `,
    6,
  );
  lines.push(...wrap(segment.reason, '      why: ', 11));
  const table = evidence.table === undefined ? '' : ` (${evidence.table})`;
  if (evidence.note !== segment.reason)
    lines.push(...wrap(`${evidence.kind}${table}: ${evidence.note}`, '      evidence: ', 11));
  for (const step of segment.steps) {
    const params = printParams(step.params);
    lines.push(
      ...wrap(
        `${step.kernel} does ${step.covers.join(', ')}${params ? `; ${params}` : ''}`,
        '      step: ',
        11,
      ),
    );
  }
  const differences = deviations.map(
    ({ name, site, steps }) => `${name} ${String(site)} → ${String(steps)}`,
  );
  lines.push(
    ...wrap(differences.length === 0 ? 'none' : differences.join(', '), '      deviations: ', 11),
  );
  return lines;
}

function explainFate(fate: CandidateFate): string[] {
  const where =
    fate.tokens.length === 0 ? '' : ` for tokens ${fate.tokens.map(formatRange).join(', ')}`;
  const lines = wrap(`${fate.name}: ${fate.fate}${where}`, '    ', 8);
  for (const reason of fate.reasons) lines.push(...wrap(reason, '        ', 8));
  return lines;
}

function explainDecision(
  segments: readonly PlanSegment[],
  candidates: readonly CandidateFate[],
): string[] {
  return [
    '  decisions by tokens',
    ...segments.flatMap(explainSegment),
    '  candidates',
    ...candidates.flatMap(explainFate),
  ];
}

/** What the engine that the plan was made for does with a class by itself. */
function explainToday({ engine }: Plan, id: string, sites: readonly string[]): string[] {
  const today = engine?.today.find((entry) => entry.class === id);
  if (!engine || !today) return [];
  const lines = [`  ${engine.id} by itself`];
  const match = engine.sites.find(({ site }) => sites.includes(site));
  if (match) {
    const pattern = match.pattern === null ? 'no pattern takes it' : `pattern ${match.pattern}`;
    lines.push(...wrap([pattern, ...match.reasons].join('. '), '    ', 8));
  }
  for (const { tokens, mode, steps, rule } of today.segments) {
    const kernels = steps.map(({ kernel }) => kernel).join(' + ');
    lines.push(...wrap(`${kernels}: ${rule}`, `    ${formatRange(tokens)} (${mode}): `, 8));
  }
  return lines;
}

function explainClass(plan: Plan, site: SiteClass, sites: readonly string[]): string[] {
  const decision = plan.decisions.find((entry) => entry.class === site.id);
  const group = plan.groups[site.group];
  const fused = plan.alreadyFused
    .filter((entry) => entry.class === site.id)
    .map((entry) => entry.node);
  const heading = `class ${site.id}: ${site.pattern}, hidden ${site.hidden}, ${site.dtype}, group "${group?.name ?? ''}" of ${group?.size ?? '?'}`;
  return [
    ...wrap(heading, '', 2),
    ...wrap(formatStages(site.stages), '  computes: ', 4),
    ...wrap(site.outputs.join(', '), '  read afterwards: ', 4),
    ...(sites.length > 0
      ? wrap(sites.join(' '), `  ${sites.length} ${sites.length === 1 ? 'site' : 'sites'}: `, 4)
      : []),
    ...(fused.length > 0
      ? wrap(fused.join(' '), '  already fused, so this is what arfuse would run: ', 4)
      : []),
    ...explainToday(plan, site.id, sites),
    ...(decision ? explainDecision(decision.segments, decision.candidates) : []),
  ];
}

function explainPlain(plan: Plan): string[] {
  if (plan.misses.length === 0) return [];
  const lines = ['plain all-reduces, in no site'];
  for (const { allReduce, phase, reason } of plan.misses)
    lines.push(...wrap(reason, `  ${allReduce} (${phase}): `, 6));
  for (const entry of plan.plain ?? []) {
    const group = plan.groups[entry.group];
    lines.push(
      ...wrap(
        `plain ${entry.id}: hidden ${entry.hidden}, ${entry.dtype}, group "${group?.name ?? ''}" of ${group?.size ?? '?'}: ${entry.allReduces.join(' ')}`,
        '',
        2,
      ),
      ...explainToday(plan, entry.id, []),
      ...explainDecision(entry.segments, entry.candidates),
    );
  }
  return lines;
}

/**
 * Why a plan is as it is, as text of at most 100 columns: each class with its token ranges, evidence, deviations and
 * the fate of every candidate, and each plain all-reduce with its reason.
 * @throws UsageError for an unknown site
 */
export function explain(plan: Plan, options: ExplainOptions = {}): string {
  const blocks: string[][] = [];
  if (options.site !== undefined) {
    const ids = plan.sites.map(({ id }) => id);
    const site = plan.sites.find(({ id }) => id === options.site);
    const found = site && plan.classes.find(({ id }) => id === site.class);
    if (!site || !found) {
      const near = nearest(options.site, ids);
      throw new UsageError({
        message: `the plan has no site "${options.site}".`,
        hint: near
          ? `Did you mean "${near}"?`
          : `It has ${ids.length === 0 ? 'none' : `${ids[0]} to ${ids.at(-1)}`}.`,
        details: { site: options.site },
      });
    }
    blocks.push([
      ...wrap(
        `${site.pattern} at ${site.allReduces.join(' + ')}${site.layer === undefined ? '' : `, ${site.layer}`}, rows ${site.rows}, eps ${site.eps}`,
        `site ${site.id}: `,
        2,
      ),
    ]);
    blocks.push(explainClass(plan, found, [site.id]));
    return `${blocks.map((lines) => lines.join('\n')).join('\n')}\n`;
  }
  const { nodes, allReduces, sites, merged, plain, alreadyFused } = plan.summary;
  blocks.push([
    ...wrap(
      `${nodes} nodes, ${allReduces} all-reduces: ${sites} sites (${merged} merged), ${plain} plain, ${alreadyFused} already fused`,
      'plan: ',
      2,
    ),
    ...wrap(formatTarget(plan.target), 'target: ', 2),
    `hash: ${plan.hash}`,
  ]);
  for (const site of plan.classes) {
    blocks.push(
      explainClass(
        plan,
        site,
        plan.sites.filter((entry) => entry.class === site.id).map(({ id }) => id),
      ),
    );
  }
  const plainLines = explainPlain(plan);
  if (plainLines.length > 0) blocks.push(plainLines);
  if (plan.notes.length > 0)
    blocks.push(['notes', ...plan.notes.flatMap((note) => wrap(note, '  ', 4))]);
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
