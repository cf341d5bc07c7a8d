import {
  type LimitsTable,
  type MeasuredTable,
  type ThresholdTable,
  UsageError,
} from '@arfuse/contract';
import { BUILT_IN_TABLES, type TableModel, tableModels } from '@arfuse/core';
import { loadConfig } from '../load/config.ts';
import { micros, plural, shortSteps, shortTable } from '../output/names.ts';
import { textTable } from '../output/text-table.ts';
import { paragraph } from '../output/wrap.ts';
import type { Console } from '../system/console.ts';
import { EXIT } from '../system/exit-code.ts';

export interface TableOptions {
  readonly config?: string;
}

async function allTables(options: TableOptions): Promise<readonly ThresholdTable[]> {
  return [...BUILT_IN_TABLES, ...((await loadConfig(options.config)).tables ?? [])];
}

/** `arfuse table list`. */
export async function tableList(options: TableOptions, console: Console): Promise<number> {
  const tables = await allTables(options);
  console.document(
    tables.map(({ name, version, kind, title, rows, provenance }) => ({
      name,
      version,
      kind,
      title,
      rows: rows.length,
      provenance,
    })),
  );
  console.line(
    textTable(
      [
        { title: 'table' },
        { title: 'version' },
        { title: 'kind' },
        { title: 'rows', align: 'right' },
        { title: 'what', flexible: true },
      ],
      tables.map((table) => [
        shortTable(table.name),
        table.version,
        table.kind,
        String(table.rows.length),
        table.title,
      ]),
    ),
  );
  return EXIT.fine;
}

type Row = ThresholdTable['rows'][number];

/** GPU and group of a row. */
function box({
  sku,
  capability,
  groupSize,
  nodes,
}: Row['key']): readonly [gpu: string, ranks: string] {
  return [
    sku ?? `sm_${capability}`,
    nodes > 1 ? `${groupSize} on ${nodes} nodes` : String(groupSize),
  ];
}

/** Rows that differ in one cell only become one, which lists that cell's values. */
function joinRows(rows: readonly (readonly string[])[], at: number): string[][] {
  const joined = new Map<
    string,
    { readonly row: readonly string[]; readonly values: Set<string> }
  >();
  for (const row of rows) {
    const rest = row.toSpliced(at, 1).join('\n');
    const known = joined.get(rest);
    if (known) known.values.add(row[at]!);
    else joined.set(rest, { row, values: new Set([row[at]!]) });
  }
  return [...joined.values()].map(({ row, values }) => row.with(at, [...values].join(' ')));
}

function measuredText(table: MeasuredTable): string {
  return textTable(
    [
      { title: 'pattern' },
      { title: 'gpu' },
      { title: 'ranks', align: 'right' },
      { title: 'dtype' },
      { title: 'mode' },
      { title: 'hidden', align: 'right' },
      { title: 'tokens', align: 'right' },
      { title: 'µs', align: 'right' },
      { title: 'kernels', flexible: true },
    ],
    table.rows.map((row) => [
      row.key.pattern,
      ...box(row.key),
      row.key.dtype,
      row.key.mode,
      String(row.hidden),
      String(row.tokens),
      micros(row.medianUs),
      shortSteps(row.kernels),
    ]),
  );
}

/** Bytes in the largest binary unit that divides them. */
function bytes(count: number): string {
  if (count > 0 && count % 2 ** 20 === 0) return `${count / 2 ** 20} MiB`;
  return count > 0 && count % 1024 === 0 ? `${count / 1024} KiB` : `${count} B`;
}

function range(row: LimitsTable['rows'][number]): string {
  const size = (count: number): string => (row.unit === 'bytes' ? bytes(count) : `${count} tokens`);
  const from =
    row.minInclusive === false
      ? `above ${size(row.min)} `
      : row.min > 1
        ? `from ${size(row.min)} `
        : '';
  return `${from}${row.maxInclusive ? 'to' : 'below'} ${size(row.max)}`;
}

/** Rows under their citation. Those that differ in dtype, mode, pattern or group only are printed as one. */
function limitsText(table: LimitsTable): string {
  const citations = [...new Set(table.rows.map((row) => row.citation))];
  const rows = citations.flatMap((citation) => {
    const of = table.rows.filter((row) => row.citation === citation);
    const cells = of.map((row) => [
      ...box(row.key),
      row.key.dtype,
      row.key.mode,
      shortSteps(row.kernels),
      range(row),
      row.hidden ? `hidden ${row.hidden.join('–')}` : '',
      row.key.pattern,
    ]);
    return [citation, ...[2, 3, 7, 1].reduce(joinRows, cells)];
  });
  return textTable(
    [
      { title: 'gpu' },
      { title: 'ranks' },
      { title: 'dtype' },
      { title: 'mode' },
      { title: 'kernels', flexible: true },
      { title: 'range', flexible: true },
      { title: '' },
      { title: 'patterns', flexible: true },
    ],
    rows,
    { indent: 2 },
  );
}

/** `arfuse table show NAME`; the name with or without its version, and without `@arfuse/thresholds/` too. */
export async function tableShow(
  name: string,
  options: TableOptions,
  console: Console,
): Promise<number> {
  const tables = await allTables(options);
  const table = tables.find((candidate) =>
    [candidate.name, shortTable(candidate.name)].some(
      (known) => name === known || name === `${known}@${candidate.version}`,
    ),
  );
  if (!table) {
    throw new UsageError({
      message: `there is no table "${name}".`,
      hint: `Known tables: ${tables.map((candidate) => shortTable(candidate.name)).join(', ')}.`,
      details: { name },
    });
  }
  console.document(table);
  if (console.json) return EXIT.fine;
  console.line(
    `${console.color.bold(`${table.name}@${table.version}`)}  ${table.kind}${table.synthetic ? ', synthetic' : ''}, ${plural(table.rows.length, 'row')}`,
  );
  console.line(paragraph(table.title));
  for (const [key, value] of Object.entries(table.provenance))
    console.line(paragraph(String(value), `  ${key}: `, 4));
  console.line(`\n${table.kind === 'measured' ? measuredText(table) : limitsText(table)}`);
  return EXIT.fine;
}

/** `arfuse table models`: the cost models that measured rows give, and which of them may decide. */
export async function tableModelsCommand(options: TableOptions, console: Console): Promise<number> {
  const models = tableModels(await allTables(options));
  console.document(models);
  if (console.json) return EXIT.fine;
  for (const name of new Set(models.map(({ table }) => table))) {
    console.line(console.color.bold(shortTable(name)));
    console.line(`${modelsText(models.filter(({ table }) => table === name))}\n`);
  }
  console.line(
    paragraph(
      'error: mean leave-one-out error; a model of 25 % and more decides nothing. Between latency and bandwidth a ' +
        'term in the square root of the bytes is fitted too (--json has it).',
    ),
  );
  return EXIT.fine;
}

function modelsText(models: readonly TableModel[]): string {
  return textTable(
    [
      { title: 'gpu' },
      { title: 'ranks', align: 'right' },
      { title: 'pattern' },
      { title: 'kernels', flexible: true },
      { title: 'rows', align: 'right' },
      { title: 'latency µs', align: 'right' },
      { title: 'µs/MiB', align: 'right' },
      { title: 'error', align: 'right' },
      { title: 'decides' },
    ],
    models.map(({ key, kernels, points, latencyUs, perByteUs, error, decides }) => [
      ...box(key),
      key.pattern,
      shortSteps(kernels),
      String(points),
      micros(latencyUs),
      micros(perByteUs * 2 ** 20),
      `${(error * 100).toFixed(1)} %`,
      decides ? 'yes' : 'no',
    ]),
    { indent: 2 },
  );
}
