import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readGraph } from '@arfuse/torch';
import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';

const SHARED =
  process.env.ARFUSE_SHARED_FIXTURES ??
  fileURLToPath(new URL('../../../../shared/fixtures/', import.meta.url));
const absent = existsSync(SHARED) ? '' : ` (skipped: no third-party captures at ${SHARED})`;

interface Label {
  readonly file: string;
  readonly allReduce: string;
  readonly phase: string;
  readonly node: string;
  readonly reason: string;
  /** What the person who labelled it saw in the file. */
  readonly because: string;
}

const labels = JSON.parse(
  readFileSync(new URL('./labelled-misses.json', import.meta.url), 'utf8'),
) as Label[];

it('holds ten misses', () => {
  expect(labels).toHaveLength(10);
});

describe.skipIf(absent !== '')(`misses labelled by hand${absent}`, () => {
  it.each(labels)('$file: $allReduce', async ({ file, allReduce, phase, node, reason }) => {
    const { programs } = await readGraph(`${SHARED}/${file}`);
    const { graph } = programs[0]!;
    const miss = findSites(graph).misses.find(
      (entry) => graph.node(entry.allReduce).name === allReduce,
    );
    expect(
      miss && { phase: miss.phase, node: graph.node(miss.node).name, reason: miss.reason },
    ).toEqual({ phase, node, reason });
  });
});
