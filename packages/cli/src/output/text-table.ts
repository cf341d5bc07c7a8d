import { paragraph, WIDTH, wrapWords } from './wrap.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Gives way first when the table is too wide. */
  readonly flexible?: boolean;
}

const GAP = '  ';
/** Narrowest that a column gets. */
const NARROWEST = 6;

const longest = (texts: readonly string[]): number =>
  Math.max(0, ...texts.map((text) => text.length));

/** Widths of the columns: natural where all fit; else flexible ones give way, by whole words first. */
function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): number[] {
  const cells = columns.map(({ title }, i) => [title, ...rows.map((row) => row[i] ?? '')]);
  const widths = cells.map((texts) => longest(texts.flatMap((text) => text.split('\n'))));
  const words = cells.map((texts) => longest(texts.flatMap((text) => text.split(/[ \n]+/))));
  let excess = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (columns.length - 1) - width;
  const narrow = (allowed: (i: number) => boolean, least: (i: number) => number): void => {
    while (excess > 0) {
      const able = [...columns.keys()].filter((i) => allowed(i) && widths[i]! > least(i));
      const widest = able.sort((a, b) => widths[b]! - widths[a]!)[0];
      if (widest === undefined) return;
      widths[widest]! -= 1;
      excess -= 1;
    }
  };
  const isFlexible = (i: number): boolean => columns[i]!.flexible === true;
  const isText = (i: number): boolean => columns[i]!.align !== 'right';
  narrow(isFlexible, (i) => Math.max(words[i]!, 24));
  narrow(isText, (i) => words[i]!);
  narrow(isText, () => NARROWEST);
  return widths;
}

/** Cells of a row, or the heading of the rows that follow. */
export type TableRow = readonly string[] | string;

const isCells = (row: TableRow): row is readonly string[] => typeof row !== 'string';

/**
 * Prints rows as a table of at most 100 columns; cells that are too wide are wrapped at blanks.
 * @returns text without a final line break and without trailing blanks
 */
export function textTable(
  columns: readonly Column[],
  rows: readonly TableRow[],
  { indent = 0 }: { readonly indent?: number } = {},
): string {
  const widths = columnWidths(columns, rows.filter(isCells), WIDTH - indent);
  const printRow = (row: readonly string[]): string[] => {
    const cells = columns.map((_, i) => wrapWords(row[i] ?? '', widths[i]!));
    const height = Math.max(...cells.map((cell) => cell.length));
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((cell, i) => {
          const text = cell[line] ?? '';
          return columns[i]!.align === 'right'
            ? text.padStart(widths[i]!)
            : text.padEnd(widths[i]!);
        })
        .join(GAP)
        .trimEnd(),
    );
  };
  return [columns.map(({ title }) => title), ...rows]
    .flatMap((row) =>
      isCells(row)
        ? printRow(row).map((line) => ' '.repeat(indent) + line)
        : paragraph(row, '', 4).split('\n'),
    )
    .join('\n');
}
