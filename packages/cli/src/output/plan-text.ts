import type { Plan, PlanSegment } from '@arfuse/contract';
import { formatTarget } from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { micros, plural, shortSteps, shortTable } from './names.ts';
import { type Column, textTable } from './text-table.ts';
import { paragraph } from './wrap.ts';

const COLUMNS: readonly Column[] = [
  { title: 'class' },
  { title: 'sites', flexible: true },
  { title: 'tokens', align: 'right' },
  { title: 'mode' },
  { title: 'steps', flexible: true },
  { title: 'µs', align: 'right' },
  { title: 'evidence' },
];

/** Rows of one class, one per segment. */
function segmentRows(id: string, what: string, segments: readonly PlanSegment[]): string[][] {
  return segments.map(({ tokens, mode, steps, expectedUs, evidence }, i) => [
    i === 0 ? id : '',
    i === 0 ? what : '',
    tokens[0] === tokens[1] ? String(tokens[0]) : `${tokens[0]}–${tokens[1]}`,
    mode,
    shortSteps(steps.map((step) => step.kernel)),
    micros(expectedUs),
    evidence.kind,
  ]);
}

/** Tables that a decision cites; the others were looked at and count only. */
function tablesText(plan: Plan): string {
  const cited = new Set(
    [...plan.decisions, ...(plan.plain ?? [])]
      .flatMap(({ segments }) => segments.map(({ evidence }) => evidence.table))
      .filter((table) => table !== undefined),
  );
  const others = plan.tables.filter(({ name, version }) => !cited.has(`${name}@${version}`)).length;
  const names = [...cited].sort().map(shortTable);
  if (others > 0) names.push(`${others} ${names.length > 0 ? 'more ' : ''}not cited`);
  return names.join(', ') || 'none';
}

/** The plan as a person reads it first: counts, one table of classes and segments, what is plain and why. */
export function printPlanText(plan: Plan, console: Console): void {
  const { color } = console;
  const { nodes, allReduces, sites, merged, plain, alreadyFused, engineFused } = plan.summary;
  const head = (name: string, text: string): void => {
    const [first = '', ...rest] = paragraph(text, name.padEnd(9)).split('\n');
    console.line([color.bold(name) + first.slice(name.length), ...rest].join('\n'));
  };
  head('target', formatTarget(plan.target));
  head(
    'graph',
    `${plural(nodes, 'node')}, ${plural(allReduces, 'all-reduce')}: ${plural(sites, 'site')} ` +
      `(${merged} merged), ${plain} plain, ${alreadyFused} already fused`,
  );
  if (plan.engine)
    head(
      'engine',
      `${plan.engine.id} fuses ${engineFused ?? 0} of ${plural(sites, 'site')} itself`,
    );
  head('tables', tablesText(plan));
  head('hash', plan.hash);
  const rows = [
    ...plan.decisions.flatMap((decision) => {
      const site = plan.classes.find(({ id }) => id === decision.class);
      const fused = plan.alreadyFused.filter((entry) => entry.class === decision.class).length;
      const counts = `${decision.sites.length || fused} × ${site?.pattern ?? ''}`;
      const also = decision.sites.length === 0 ? ', already fused' : `, ${fused} already fused`;
      const what = fused === 0 ? counts : `${counts}${also}`;
      return segmentRows(decision.class, what, decision.segments);
    }),
    ...(plan.plain ?? []).flatMap(({ id, allReduces: names, segments }) =>
      segmentRows(id, `${names.length} × plain`, segments),
    ),
  ];
  if (rows.length > 0) console.line(`\n${textTable(COLUMNS, rows)}`);
  if (plan.misses.length > 0) {
    console.line(`\n${color.bold(`${plan.misses.length} plain, in no site:`)}`);
    console.line(
      textTable(
        [{ title: 'all-reduce' }, { title: 'ended at' }, { title: 'why', flexible: true }],
        plan.misses.map((miss) => [miss.allReduce, `${miss.phase} ${miss.node}`, miss.reason]),
      ),
    );
  }
  if (plan.alreadyFused.length > 0) {
    console.line(`\n${color.bold(`${plan.alreadyFused.length} already fused:`)}`);
    console.line(
      textTable(
        [
          { title: 'node' },
          { title: 'class' },
          { title: 'pattern' },
          { title: 'op', flexible: true },
        ],
        plan.alreadyFused.map((fused) => [fused.node, fused.class, fused.pattern, fused.op]),
      ),
    );
  }
  for (const note of plan.notes) {
    const text = paragraph(note, 'note ');
    console.line(`\n${color.yellow('note')}${text.slice('note'.length)}`);
  }
}
