import { stripStackTrace } from './stack-trace.mjs';

/**
 * Drops the program text that FX and Inductor quote in comments: the `, code: …` tail of `# File: …`.
 * The file, line and function stay.
 *
 * @param {string} text
 * @returns {string}
 */
export function stripFxText(text) {
  return text.replace(/^(\s*#.*?\bFile: .*?:\d+ in [^,\n]*), code: .*$/gm, '$1');
}

/**
 * Drops the source line that Dynamo appends to each guard: `GUARD  # source  # path:12 in forward`.
 *
 * @param {string} text
 * @returns {string}
 */
export function stripGuards(text) {
  return text.replace(/^(.*?)\s*# .*(# \S+:\d+ in [^#\n]*)$/gm, '$1  $2');
}

/**
 * @param {string} text any text payload of a capture
 * @returns {string}
 */
export function stripText(text) {
  return stripStackTrace(stripFxText(text));
}
