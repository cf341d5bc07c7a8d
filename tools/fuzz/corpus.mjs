import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { repositoryRoot } from '../src/lib/root.mjs';

/**
 * @typedef {'text' | 'json' | 'zip'} Kind
 * @typedef {{ name: string, kind: Kind, bytes: Buffer, weight: number }} Seed
 */

const HEAD_LINES = 400;

/**
 * The real fixtures, unpacked, small ones more often. Of long texts there is also a part alone (the first lines,
 * or two graphs of a log): most defects show there at a tenth of the time.
 *
 * @returns {Seed[]}
 */
export function corpus() {
  /** @type {Seed[]} */
  const seeds = [];
  for (const folder of ['llama-tiny-gloo', 'pt2', 'graphs']) {
    for (const file of readdirSync(join(repositoryRoot, 'fixtures', folder)).sort()) {
      const packed = readFileSync(join(repositoryRoot, 'fixtures', folder, file));
      const bytes = file.endsWith('.gz') ? gunzipSync(packed) : packed;
      const kind = file.endsWith('.pt2') ? 'zip' : /json/.test(file) ? 'json' : 'text';
      const name = `${folder}/${file}`;
      const isLarge = bytes.length > 500_000;
      seeds.push({ name, kind, bytes, weight: isLarge ? 1 : 20 });
      if (isLarge && kind === 'text')
        seeds.push({ name: `part of ${name}`, kind, bytes: head(bytes), weight: 20 });
      if (kind === 'zip')
        seeds.push({ name: `model of ${name}`, kind: 'json', bytes: modelOf(bytes), weight: 20 });
    }
  }
  return seeds;
}

/** @param {Buffer} bytes */
function head(bytes) {
  const records = bytes.toString('latin1').split(/^(?=[VIWEC]\d{4} )/m);
  const graphs = records.filter((record) =>
    /"(dynamo_output_graph|inductor_post_grad_graph|dynamo_start)"/.test(record),
  );
  if (graphs.length > 0) return Buffer.from(graphs.join(''), 'latin1');
  return Buffer.from(
    bytes.toString('latin1').split('\n').slice(0, HEAD_LINES).join('\n'),
    'latin1',
  );
}

/**
 * The program inside an archive: the longest stretch that begins and ends like its JSON.
 *
 * @param {Buffer} archive
 */
function modelOf(archive) {
  const start =
    archive.indexOf('{"graph_module"') >= 0
      ? archive.indexOf('{"graph_module"')
      : archive.indexOf('{\n  "graph_module"');
  const end = archive.indexOf('PK\u0007\b', start);
  return archive.subarray(start, end);
}

/**
 * @param {readonly Seed[]} seeds
 * @param {import('./random.mjs').Random} random
 */
export function pickSeed(seeds, random) {
  let at = random.below(seeds.reduce((sum, seed) => sum + seed.weight, 0));
  for (const seed of seeds) {
    at -= seed.weight;
    if (at < 0) return seed;
  }
  throw new Error('the corpus is empty');
}
