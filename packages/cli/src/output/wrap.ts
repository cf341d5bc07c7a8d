/** Columns that human output never exceeds. */
export const WIDTH = 100;

/** Where a word that is wider than a line may be parted, best places first: paths, then names, then anywhere. */
const JOINTS = [/(?<=\/)/u, /(?<=[,:;+=_.\-→])/u, /(?:)/u];

/** Parts of a word, each at most `width` characters. */
function part(word: string, width: number, level = 0): string[] {
  const parts: string[] = [];
  let line = '';
  for (const piece of word.split(JOINTS[level]!)) {
    if (line.length + piece.length <= width) {
      line += piece;
      continue;
    }
    if (line !== '') parts.push(line);
    if (piece.length <= width) {
      line = piece;
    } else {
      const pieces = part(piece, width, level + 1);
      parts.push(...pieces.slice(0, -1));
      line = pieces.at(-1)!;
    }
  }
  parts.push(line);
  return parts;
}

/** Wraps a text at blanks into lines of at most `width` characters. Words are kept whole where they fit on a line. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/ +/)) {
      if (line !== '' && line.length + 1 + word.length <= width) {
        line += ` ${word}`;
        continue;
      }
      if (line !== '') lines.push(line);
      const parts = word.length <= width ? [word] : part(word, width);
      lines.push(...parts.slice(0, -1));
      line = parts.at(-1)!;
    }
    lines.push(line);
  }
  return lines;
}

/** A paragraph of at most 100 columns: `first` leads its first line, blanks of the same width (or `indent`) the others. */
export function paragraph(text: string, first = '', indent = first.length): string {
  const width = WIDTH - Math.max(first.length, indent);
  return wrapWords(text, width)
    .map((line, i) => `${i === 0 ? first : ' '.repeat(indent)}${line}`.trimEnd())
    .join('\n');
}
