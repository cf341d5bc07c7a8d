import type { GraphMeta } from '../ir/graph-parts.ts';
import type { JsonReader } from './reader.ts';

const MEMBERS = [
  'format',
  'level',
  'source',
  'name',
  'producers',
  'rank',
  'groupSizes',
  'labels',
  'warnings',
];

/** Reads the `meta` member of a graph document. */
export function decodeMeta(reader: JsonReader): GraphMeta {
  reader.only(MEMBERS);
  const optional = <K extends string, T>(
    key: K,
    decode: (member: JsonReader) => T,
  ): { readonly [P in K]?: T } => {
    const member = reader.optional(key);
    return member === undefined ? {} : ({ [key]: decode(member) } as { readonly [P in K]?: T });
  };
  const text = (member: JsonReader): string => member.string;
  const count = (member: JsonReader): number =>
    member.index(Number.MAX_SAFE_INTEGER, 'rank or size');
  return {
    format: reader.at('format').string,
    level: reader.at('level').oneOf(['dynamo', 'aten', 'post_grad', 'vllm', 'inductor', 'unknown']),
    ...optional('source', text),
    ...optional('name', text),
    ...optional('producers', (member) => byKey(member, text)),
    ...optional('rank', count),
    ...optional('groupSizes', (member) => byKey(member, count)),
    ...optional('labels', (member) => byKey(member, text)),
    ...optional('warnings', (member) => member.items.map(text)),
  };
}

function byKey<T>(reader: JsonReader, decode: (member: JsonReader) => T): Record<string, T> {
  return Object.fromEntries(Object.keys(reader.record).map((key) => [key, decode(reader.at(key))]));
}
