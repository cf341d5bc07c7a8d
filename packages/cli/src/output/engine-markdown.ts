import type { EngineReport } from '@arfuse/core';
import { reportRows, savings, tokenList } from './engine-rows.ts';
import { tablesOf, totalSentence } from './engine-text.ts';
import { shortSteps } from './names.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/** The report as Markdown, for an issue or a pull request: each number with its evidence, each rule with its citation. */
export function engineMarkdown(report: EngineReport): string {
  const lines = [
    `## ${report.engine}: all-reduce + norm today and at best`,
    '',
    `Target \`${report.target}\`; dispatch rules of ${report.release} as published, read and not run. Its matcher fuses ${report.sites.fused} of ${report.sites.total} sites.`,
    '',
    ...table(
      ['tokens', 'ops', 'today', 'best', 'today µs', 'best µs', 'saves µs', 'evidence'],
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
    ),
    '',
    totalSentence(report),
    '',
    '### Change',
    '',
  ];
  if (!report.advice) lines.push('Nothing: no setting is known to save anything.', '');
  for (const { where, name, from, to, sentence, citation } of report.advice?.changes ?? [])
    lines.push(
      `- \`${where === 'env' ? 'export ' : ''}${name}=${to}\` (today ${from}). ${sentence} Source: ${citation}.`,
    );
  for (const phrase of savings(report)) lines.push(`  - ${phrase}.`);
  for (const sentence of report.outOfReach) lines.push(`- ${sentence}`);
  if (report.missing.length > 0) {
    lines.push('', '### Not measured', '');
    lines.push(
      ...table(
        ['pattern', 'kernels', 'hidden', 'dtype', 'mode', 'tokens'],
        report.missing.map((row) => [
          row.pattern,
          shortSteps(row.kernels),
          String(row.hidden),
          row.dtype,
          row.mode,
          tokenList(row.tokens),
        ]),
      ),
    );
  }
  lines.push('', '### Taken for granted', '');
  lines.push(
    ...table(
      ['setting', 'value', 'from', 'what follows', 'source'],
      report.assumptions.map(({ name, value, from, sentence, citation }) => [
        `\`${name}\``,
        value === null ? 'none' : String(value),
        from,
        sentence,
        citation ?? '',
      ]),
    ),
  );
  const tables = tablesOf(report);
  lines.push(
    '',
    tables.length > 0 ? `Times: ${tables.join(', ')}.` : 'No table has times for this box.',
  );
  for (const warning of report.warnings) lines.push('', `Warning: ${warning}`);
  return `${lines.join('\n')}\n`;
}
