import type { FxSource } from './source.ts';

const ESCAPE = 0x1b;
// Built from its code, because a control character in a literal looks like a mistake.
const ANSI = new RegExp(`${String.fromCharCode(ESCAPE)}\\[[0-9;?]*[A-Za-z]`, 'g');

/** `[rank0]:` of torchrun, `(Worker_TP0 pid=12) ` of vLLM. */
const PROCESS =
  /^(?:\[(?:default|rank)(\d+)\]:\s?|\(((?:\w{0,40}Worker|Engine|APIServer)\w{0,40})(?: pid=(\d+))?\) )/;
/** `V0804 12:34:12.816000 123 torch/x.py:7] [0/1] [__post_grad_graphs] ` of TORCH_LOGS. */
const TORCH = /^[VIWEC]\d{4} \d\d:\d\d:\d\d(?:\.\d+)? (\d+) [^\]\n]*\] ?((?:\[[^\]\n]*\] ?)*)/;
/** `DEBUG 11-23 12:34:56 [compilation/backends.py:12] ` of vLLM. */
const VLLM = /^(?:DEBUG|INFO|WARNING|ERROR) \d\d-\d\d \d\d:\d\d:\d\d (?:\[[^\]\n]*\] ?)/;
const ANY =
  /^(?:\x5b(?:default|rank)\d+\]:|\(\w{0,40}(?:Worker|Engine|APIServer)\w{0,40}(?: pid=\d+)?\) |[VIWEC]\d{4} \d\d:\d\d:\d\d|(?:DEBUG|INFO|WARNING|ERROR) \d\d-\d\d )/m;

interface Prefix {
  readonly length: number;
  /** Process and record kind: lines of one key belong together. */
  readonly key: string;
  readonly rank: number | undefined;
}

function prefixOf(line: string): Prefix | undefined {
  let length = 0;
  let key = '';
  let rank: number | undefined;
  const process = PROCESS.exec(line);
  if (process) {
    length = process[0].length;
    key = process[0];
    const number = process[1] ?? /_TP(\d+)/.exec(process[2] ?? '')?.[1];
    if (number !== undefined) rank = Number(number);
  }
  const rest = line.slice(length);
  const torch = TORCH.exec(rest);
  if (torch) {
    const tags = torch[2]!;
    return {
      length: length + torch[0].length,
      key: `${key} ${torch[1]} ${tags.trim()}`,
      rank: /\[rank(\d+)\]/.exec(tags) ? Number(/\[rank(\d+)\]/.exec(tags)![1]) : rank,
    };
  }
  const vllm = VLLM.exec(rest);
  if (vllm) return { length: length + vllm[0].length, key: `${key} vllm`, rank };
  return process ? { length, key, rank } : undefined;
}

interface Stream {
  readonly texts: string[];
  readonly lines: number[];
  readonly shifts: number[];
  rank: number | undefined;
  /** A graph whose lines all carry the prefix has begun: lines without it are other output. */
  prefixed: boolean;
}

/** Prefixes and class lines are searched this far into a line. */
const REACH = 1000;
const GRAPH_START =
  /(?:^|\s)class \S[^(]*\([\w.]*Module\w*\):\s*$|^\s*graph\(\):|^\s*def forward\(/;

/**
 * Takes terminal colours and log prefixes off. Lines of several processes in one log are sorted into one text for each
 * process and record kind, each of which still knows the line numbers of the file.
 */
export function cleanText(source: FxSource): FxSource[] {
  let { text } = source;
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  if (text.includes(String.fromCharCode(ESCAPE))) text = text.replace(ANSI, '');
  if (!ANY.test(text)) return [text === source.text ? source : { ...source, text }];

  const streams = new Map<string, Stream>();
  let current: Stream | undefined;
  const streamOf = (key: string): Stream => {
    let stream = streams.get(key);
    if (!stream) {
      stream = { texts: [], lines: [], shifts: [], rank: undefined, prefixed: false };
      streams.set(key, stream);
    }
    return stream;
  };
  let number = 0;
  for (let at = 0; at < text.length; ) {
    let end = text.indexOf('\n', at);
    if (end < 0) end = text.length;
    number += 1;
    const head = text.slice(at, Math.min(end, at + REACH));
    const prefix = prefixOf(head);
    const length = prefix?.length ?? 0;
    const content = text.slice(at + length, end);
    const graph = GRAPH_START.test(content.slice(0, REACH));
    if (prefix) {
      current = streamOf(prefix.key);
      current.rank ??= prefix.rank;
      if (graph) current.prefixed = true;
      else if (/^[^\s#]/.test(content)) current.prefixed = false;
    } else {
      current ??= streamOf('');
      if (current.prefixed && graph && !content.startsWith(' ')) current.prefixed = false;
    }
    if (prefix || !current.prefixed) {
      current.texts.push(content);
      current.lines.push(number);
      current.shifts.push(length);
    }
    at = end + 1;
  }
  return [...streams.values()].map((stream) => ({
    ...source,
    text: stream.texts.join('\n'),
    lines: stream.lines,
    shifts: stream.shifts,
    ...(stream.rank === undefined ? {} : { rank: stream.rank }),
  }));
}
