import { gzipSync } from 'node:zlib';
import { pickSeed } from './corpus.mjs';

/** @typedef {(input: Buffer, random: import('./random.mjs').Random, seeds: readonly import('./corpus.mjs').Seed[]) => Buffer} Mutation */

const STRINGS = [
  '',
  '\0',
  '\ufeff',
  '\u001b[31m',
  '"',
  "'",
  '\\',
  '\n',
  '\r\n',
  '\t',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ';',
  ':',
  '#',
  '->',
  '=',
  ', ',
  'None',
  'NaN',
  '-Infinity',
  '1e999',
  '-0',
  '9223372036854775808',
  '0x10',
  'inf',
  'True',
  '*args',
  '**kw',
  'return ',
  'def forward(self):',
  'class GraphModule(torch.nn.Module):',
  'torch.ops.aten.add.Tensor(',
  's27',
  'Sym(s0)',
  '../../x',
  '__proto__',
  'constructor',
  '\ud83d\ude00',
  '\u2028',
];
const JSON_VALUES = [
  'null',
  'true',
  '-1',
  '1e400',
  '""',
  '[]',
  '{}',
  '[[]]',
  '18446744073709551616',
  '"\\ud800"',
  '{"__proto__":{}}',
  'NaN',
];

/** @param {Buffer} input @param {(text: string) => string} edit */
function asText(input, edit) {
  return Buffer.from(edit(input.toString('latin1')), 'latin1');
}

/** @type {Mutation} */
function flipBytes(input, random) {
  const out = Buffer.from(input);
  for (let count = 1 + random.below(8); count > 0 && out.length > 0; count--) {
    out[random.below(out.length)] = random.chance(0.5)
      ? random.below(256)
      : 0x20 + random.below(95);
  }
  return out;
}

/** @type {Mutation} */
function truncate(input, random) {
  return random.chance(0.8)
    ? input.subarray(0, random.below(input.length + 1))
    : input.subarray(random.below(input.length + 1));
}

/** @type {Mutation} */
function insertString(input, random) {
  const at = random.below(input.length + 1);
  const times = random.chance(0.1) ? 1 + random.below(20_000) : 1 + random.below(3);
  return Buffer.concat([
    input.subarray(0, at),
    Buffer.from(random.pick(STRINGS).repeat(times)),
    input.subarray(at),
  ]);
}

/** @type {Mutation} */
function editLines(input, random) {
  return asText(input, (text) => {
    const lines = text.split('\n');
    const from = random.below(lines.length);
    const count = 1 + random.below(Math.min(20, lines.length - from));
    const block = lines.slice(from, from + count);
    const way = random.below(3);
    if (way === 0) lines.splice(from, count);
    else if (way === 1) lines.splice(random.below(lines.length), 0, ...block);
    else lines.splice(random.below(lines.length), 0, ...lines.splice(from, count));
    return lines.join('\n');
  });
}

/** Exchanges two tokens, or puts one in place of the other. @type {Mutation} */
function swapTokens(input, random) {
  return asText(input, (text) => {
    const token = () => {
      const near = random.below(text.length + 1);
      const found = /[\w.]+|[^\s\w]/.exec(text.slice(near, near + 400));
      return found ? { at: near + found.index, text: found[0] } : undefined;
    };
    const [a, b] = [token(), token()].sort((x, y) => (x?.at ?? 0) - (y?.at ?? 0));
    if (!a || !b || a.at + a.text.length > b.at) return text;
    const second = random.chance(0.5) ? a.text : b.text;
    return (
      text.slice(0, a.at) +
      b.text +
      text.slice(a.at + a.text.length, b.at) +
      second +
      text.slice(b.at + b.text.length)
    );
  });
}

/** Puts another value in place of one, or takes a member out. @type {Mutation} */
function editJson(input, random) {
  return asText(input, (text) => {
    const near = random.below(text.length + 1);
    const member =
      /"[^"\\]*"\s*:\s*("(?:[^"\\]|\\.)*"|-?[\d.eE+]+|true|false|null|\[\s*\]|\{\s*\})\s*,?/.exec(
        text.slice(near, near + 2000),
      );
    if (!member?.[1]) return text;
    const at = near + member.index;
    if (random.chance(0.3)) return text.slice(0, at) + text.slice(at + member[0].length);
    const changed = member[0].replace(member[1], () => random.pick(JSON_VALUES));
    return text.slice(0, at) + changed + text.slice(at + member[0].length);
  });
}

const SIGNATURES = [
  'PK\u0001\u0002',
  'PK\u0003\u0004',
  'PK\u0005\u0006',
  'PK\u0006\u0006',
  'PK\u0006\u0007',
  'PK\u0007\b',
];

/** Changes a field of a ZIP record: sizes, offsets, flags, method, name. @type {Mutation} */
function editZip(input, random) {
  const out = Buffer.from(input);
  const signature = Buffer.from(random.pick(SIGNATURES), 'latin1');
  const at = out.indexOf(signature, random.below(out.length));
  if (at < 0) return flipBytes(input, random, []);
  const field = at + 4 + random.below(60);
  if (field + 4 > out.length) return out;
  const way = random.below(4);
  if (way === 0) out.writeUInt16LE(random.pick([0, 1, 8, 12, 99, 0xffff]), field);
  else if (way === 1)
    out.writeUInt32LE(
      random.pick([0, 1, 0x7fffffff, 0xffffffff, out.length, random.below(out.length)]),
      field,
    );
  else if (way === 2) Buffer.from('../').copy(out, field);
  else out[field] = random.below(256);
  return out;
}

/** @type {Mutation} */
function splice(input, random, seeds) {
  const other = pickSeed(seeds, random).bytes;
  const from = random.below(other.length);
  const piece = other.subarray(from, from + random.below(5000));
  const at = random.below(input.length + 1);
  return Buffer.concat([
    input.subarray(0, at),
    piece,
    input.subarray(random.chance(0.5) ? at : Math.min(input.length, at + piece.length)),
  ]);
}

/** @type {Mutation} */
function nest(input, random) {
  const [open, close] = random.pick([
    ['(', ')'],
    ['[', ']'],
    ['{"a":', '}'],
    ['f(', ')'],
    ['-', ''],
  ]);
  const depth = random.chance(0.5) ? 50 + random.below(300) : 1 + random.below(50_000);
  const at = random.below(input.length + 1);
  const middle = random.chance(0.5) ? '' : '1';
  const piece =
    `${open}`.repeat(depth) + middle + (random.chance(0.5) ? `${close}`.repeat(depth) : '');
  return Buffer.concat([input.subarray(0, at), Buffer.from(piece), input.subarray(at)]);
}

const COMMON = [flipBytes, truncate, insertString, splice, nest];
/** @type {Readonly<Record<import('./corpus.mjs').Kind, readonly Mutation[]>>} */
const MUTATIONS = {
  text: [...COMMON, editLines, editLines, swapTokens, swapTokens, swapTokens],
  json: [...COMMON, editJson, editJson, editJson, swapTokens, editLines],
  zip: [flipBytes, truncate, splice, editZip, editZip, editZip, editJson],
};

/**
 * One damaged input: a fixture with one to four mutations, a fifth of them in gzip, some of those damaged again.
 *
 * @param {readonly import('./corpus.mjs').Seed[]} seeds
 * @param {import('./random.mjs').Random} random
 * @returns {{ name: string, bytes: Buffer }}
 */
export function damaged(seeds, random) {
  const seed = pickSeed(seeds, random);
  let { bytes } = seed;
  for (let count = random.chance(0.6) ? 1 : 2 + random.below(3); count > 0; count--)
    bytes = random.pick(MUTATIONS[seed.kind])(bytes, random, seeds);
  if (random.chance(0.1)) {
    bytes = gzipSync(bytes, { level: 1 });
    if (random.chance(0.5)) bytes = random.pick([flipBytes, truncate])(bytes, random, seeds);
  }
  return { name: seed.name, bytes };
}
