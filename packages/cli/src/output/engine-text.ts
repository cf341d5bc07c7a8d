import type { EngineReport } from '@arfuse/core';
import type { Console } from '../system/console.ts';
import { reportRows, savings, tokenList } from './engine-rows.ts';
import { micros, shortSteps, shortTable } from './names.ts';
import { textTable } from './text-table.ts';
import { paragraph } from './wrap.ts';

const COLUMNS = [
  { title: 'tokens', align: 'right' },
  { title: 'ops' },
  { title: 'today', flexible: true },
  { title: 'best', flexible: true },
  { title: 'today µs', align: 'right' },
  { title: 'best µs', align: 'right' },
  { title: 'saves', align: 'right' },
  { title: 'evidence', flexible: true },
] as const;

/** Tables that the report's times come from. */
export function tablesOf({ launches }: EngineReport): string[] {
  const found = launches.flatMap(({ parts }) =>
    parts.flatMap(({ today, advised, best }) =>
      [today, advised, best].flatMap(({ evidence }) => evidence?.table ?? []),
    ),
  );
  return [...new Set(found)].sort();
}

/** The totals in one sentence; a sentence that says why there are none otherwise. */
export function totalSentence({ total, measureWith }: EngineReport): string {
  const { todayUs, bestUs, advisedUs, compared } = total;
  if (todayUs === null || bestUs === null || advisedUs === null) {
    return `No launch size has times for what runs today, so nothing can be compared${measureWith === null ? '' : `; ${measureWith} measures it`}.`;
  }
  return (
    `Per step, over the ${compared[0]} of ${compared[1]} launch sizes that have times: today ${micros(todayUs)} µs, ` +
    `with the settings below ${micros(advisedUs)} µs, best ${micros(bestUs)} µs.`
  );
}

/** First screen: the table of launch sizes, then the lines to change; what was taken for granted comes last. */
export function printEngineReport(report: EngineReport, console: Console): void {
  const { color } = console;
  const heading = (text: string): void => console.line(`\n${color.bold(text)}`);
  console.line(
    paragraph(
      `${report.engine} (${report.release}), ${report.target}; its matcher fuses ${report.sites.fused} of ${report.sites.total} sites`,
    ),
  );
  console.line(
    `\n${textTable(
      COLUMNS,
      reportRows(report).map((row) => [
        row.tokens,
        row.ops,
        row.today,
        row.best,
        row.todayUs,
        row.bestUs,
        row.savedUs,
        row.evidence,
      ]),
    )}`,
  );
  console.line(`\n${paragraph(totalSentence(report))}`);
  heading('change');
  if (!report.advice) console.line('  nothing: no setting is known to save anything.');
  for (const { where, name, from, to, sentence } of report.advice?.changes ?? []) {
    console.line(paragraph(`${name}=${to}`, where === 'env' ? '  export ' : '  ', 4));
    console.line(paragraph(`${from} today. ${sentence}`, '      '));
  }
  for (const phrase of savings(report)) console.line(paragraph(phrase, '      '));
  for (const sentence of report.outOfReach) console.line(paragraph(sentence, '  ', 4));
  if (report.missing.length > 0) {
    heading('not measured');
    for (const row of report.missing) {
      const box = `${row.sku}, ${row.groupSize} ranks${row.nodes > 1 ? ` on ${row.nodes} nodes` : ''}, multicast ${row.multicast ? 'on' : 'off'}, ${row.dtype}, ${row.mode}`;
      console.line(
        paragraph(
          `${row.pattern} by ${shortSteps(row.kernels)}, hidden ${row.hidden}, tokens ${tokenList(row.tokens)}: ${box}`,
          '  ',
          4,
        ),
      );
    }
    if (report.measureWith === null)
      console.line(
        paragraph('a table with these rows would decide them; give it in arfuse.config.ts', '  '),
      );
  }
  if (tablesOf(report).length > 0)
    console.line(`\n${paragraph(`times: ${tablesOf(report).map(shortTable).join(', ')}`)}`);
  heading('taken for granted; set with --engine-env and --engine-config');
  for (const { name, value, from, sentence } of report.assumptions)
    console.line(
      paragraph(
        `${value === null ? 'none' : String(value)} (${from}). ${sentence}`,
        `  ${name}: `,
        6,
      ),
    );
  for (const warning of report.warnings) {
    const text = paragraph(warning, 'warning ');
    console.line(`\n${color.yellow('warning')}${text.slice('warning'.length)}`);
  }
}
