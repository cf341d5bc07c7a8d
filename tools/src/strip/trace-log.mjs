import { createHash } from 'node:crypto';
import { stripGuards, stripText } from './fx-text.mjs';
import { stripJson } from './stack-trace.mjs';

const record = /^([VIWEC]\d{4} .*?\] )(\{.*)$/;

/**
 * Strips a TORCH_TRACE log: the `loc` strings of its records, the stack traces, guards and `# File:` comments
 * of its payloads. `has_payload` is the MD5 of the payload, so it is computed anew.
 *
 * @param {string} log
 * @returns {string}
 */
export function stripTraceLog(log) {
  const out = [];
  let header = '';
  /** @type {string[]} */
  let payload = [];
  const flush = () => {
    if (header !== '') out.push(...stripRecord(header, payload));
    header = '';
    payload = [];
  };
  for (const line of log.split('\n')) {
    if (record.test(line)) {
      flush();
      header = line;
    } else if (line.startsWith('\t') && header !== '') {
      payload.push(line.slice(1));
    } else {
      flush();
      out.push(line);
    }
  }
  flush();
  return out.join('\n');
}

/** @param {string} header @param {readonly string[]} payload */
function stripRecord(header, payload) {
  const [, prefix = '', json = ''] = record.exec(header) ?? [];
  const body = stripJson(json);
  if (payload.length === 0) return [prefix + body];
  const guards = /^\{"dynamo_(cpp_)?guards(_str)?"/.test(json);
  const text = payload.join('\n');
  const stripped = guards ? stripGuards(text) : stripText(stripJson(text));
  const digest = createHash('md5').update(stripped).digest('hex');
  const renewed = body.replace(/("has_payload": ?")[0-9a-f]{32}"/, `$1${digest}"`);
  return [prefix + renewed, ...stripped.split('\n').map((line) => `\t${line}`)];
}
