/** `File "path", line 12, in forward`, as Python prints a frame; the source line follows it. */
const frame = /^\s*File "[^"\n]*", line \d+(, in .*)?$/;

/**
 * Drops the source lines of a Python stack trace and keeps its frames.
 *
 * A frame is followed by one or more lines that quote the program: the statement, and, since Python 3.11,
 * a line of `^^^^`. Everything up to the next frame, blank line or `****` separator is such a quotation.
 *
 * @param {string} text a stack trace, or text that holds some
 * @returns {string}
 */
export function stripStackTrace(text) {
  const kept = [];
  let quoting = false;
  for (const line of text.split('\n')) {
    if (frame.test(line)) {
      quoting = true;
      kept.push(line);
    } else if (line.trim() === '' || /^\s*\*{4,}$/.test(line)) {
      quoting = false;
      kept.push(line);
    } else if (!quoting) {
      kept.push(line);
    }
  }
  return kept.join('\n');
}

/**
 * Does the same to every `stack_trace` and `loc` string of a JSON text, leaving all other bytes as they are:
 * parsing and printing the document would lose 64-bit integers, NaN and Infinity.
 *
 * @param {string} json
 * @returns {string}
 */
export function stripJson(json) {
  return json
    .replace(/("stack_trace"\s*:\s*)("(?:[^"\\]|\\.)*")/g, (_, key, literal) => {
      return key + asciiJson(stripStackTrace(JSON.parse(literal)));
    })
    .replace(/("loc"\s*:\s*)"(?:[^"\\]|\\.)*"/g, '$1""');
}

/** JSON as Python writes it: ASCII only. @param {string} value */
function asciiJson(value) {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
