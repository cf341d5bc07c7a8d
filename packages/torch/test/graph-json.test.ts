import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { graphFromJson, printGraph } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { readGraph } from '../src/index.ts';

/** The captures that the repository itself carries. */
const FOLDER = fileURLToPath(new URL('../../../fixtures/', import.meta.url));
const captures = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice(FOLDER.length).replace(/^\//, ''))
  .sort();

describe("arfuse's own JSON", () => {
  it('is tested on captures of every format', () => {
    expect(captures.length).toBeGreaterThanOrEqual(14);
  });

  it.each(captures)('holds %s without loss', async (path) => {
    const { programs } = await readGraph(`${FOLDER}${path}`);
    expect(programs.length).toBeGreaterThan(0);
    for (const { graph } of programs) {
      const text = printGraph(graph);
      const again = graphFromJson(JSON.parse(text));
      expect(again.parts()).toEqual(graph.parts());
      expect(printGraph(again)).toBe(text);
    }
  });
});
