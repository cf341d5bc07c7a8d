import {
  APOSTROPHE,
  CLOSE,
  CLOSE_CURLY,
  CLOSE_SQUARE,
  HASH,
  NEWLINE,
  OPEN,
  OPEN_CURLY,
  OPEN_SQUARE,
  QUOTE,
  stringEnd,
} from './characters.ts';
import { excerpt, type FxSource, formatError, TRUNCATED } from './source.ts';

const CLOSER: Readonly<Record<number, number>> = {
  [OPEN]: CLOSE,
  [OPEN_SQUARE]: CLOSE_SQUARE,
  [OPEN_CURLY]: CLOSE_CURLY,
};

/** Characters that Python has in strings and comments only; FX does not continue lines by `\`. */
const NO_PYTHON = '$?!`\\';

/**
 * End (offset of the newline, or `limit`) of the Python statement that begins at `from`: the first line end outside
 * of brackets and strings.
 * @throws GraphFormatError for an unterminated string, a bracket that is never closed or closed by another kind, and
 * characters that Python does not have
 */
export function logicalLineEnd(source: FxSource, from: number, limit: number): number {
  const { text } = source;
  const open: number[] = [];
  let at = from;
  while (at < limit) {
    const code = text.charCodeAt(at);
    if (code === NEWLINE) {
      if (open.length === 0) return at;
    } else if (code === QUOTE || code === APOSTROPHE) {
      const end = stringEnd(text, at);
      if (end < 0 || end > limit) {
        formatError(source, at, `the string ${excerpt(text, at, 40)} does not end.`, TRUNCATED);
      }
      at = end;
      continue;
    } else if (code === HASH) {
      const end = text.indexOf('\n', at);
      at = end < 0 || end > limit ? limit : end;
      continue;
    } else if (code === OPEN || code === OPEN_SQUARE || code === OPEN_CURLY) open.push(at);
    else if (code === CLOSE || code === CLOSE_SQUARE || code === CLOSE_CURLY) {
      const opened = open.pop();
      if (opened === undefined || CLOSER[text.charCodeAt(opened)] !== code) {
        const found = String.fromCharCode(code);
        formatError(
          source,
          at,
          opened === undefined
            ? `"${found}" closes a bracket that was never opened.`
            : `"${found}" closes the "${text[opened]}" of ${excerpt(text, opened, 30)}.`,
          TRUNCATED,
        );
      }
    } else if (NO_PYTHON.includes(text[at]!) && !(text[at] === '!' && text[at + 1] === '=')) {
      formatError(source, at, `${JSON.stringify(text[at])} cannot stand here.`, TRUNCATED);
    }
    at += 1;
  }
  const unclosed = open.pop();
  if (unclosed !== undefined) {
    formatError(
      source,
      unclosed,
      `the bracket "${text[unclosed]}" is never closed: ${excerpt(text, unclosed, 40)}`,
      TRUNCATED,
    );
  }
  return limit;
}
