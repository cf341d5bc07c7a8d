import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { repeatLayers } from '../bench/repeat-layers.mjs';
import { exponent, quantile } from '../bench/statistics.mjs';

const text = gunzipSync(
  readFileSync(new URL('../../fixtures/graphs/llama3-8b.tp2.fx.txt.gz', import.meta.url)),
).toString();

describe('the bench', () => {
  it('repeats layers into a longer program whose names are defined once, before their use', () => {
    const { text: longer, nodes, copies } = repeatLayers(text, 10_000);
    expect(copies).toBe(3);
    expect(nodes).toBeGreaterThanOrEqual(10_000);
    expect(longer.match(/all_reduce\.default\(/g)).toHaveLength(64 * copies);
    const defined = new Set<string>();
    const wrong: string[] = [];
    for (const line of longer.split('\n')) {
      const [, name, right = ''] = /^ {8}(\w+)(?:: "[^"]*")? = (.*)$/.exec(line) ?? [];
      if (name === undefined) continue;
      for (const [used] of right.matchAll(/(?<![\w.])\w+_c\d+\b/g))
        if (!defined.has(used)) wrong.push(used);
      if (defined.has(name)) wrong.push(name);
      defined.add(name);
    }
    expect(wrong).toEqual([]);
    expect(defined.size).toBeGreaterThan(10_000);
  });

  it('refuses a text without layers', () => {
    expect(() => repeatLayers('def f(): pass', 10)).toThrow('layers');
  });

  it('has quantiles between samples and the exponent of a power law', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([5], 0.9)).toBe(5);
    expect(exponent([10, 100, 1000].map((size) => ({ size, ms: 3 * size ** 1.5 })))).toBeCloseTo(
      1.5,
      10,
    );
  });
});
