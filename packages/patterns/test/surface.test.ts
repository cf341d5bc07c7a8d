import { describe, expect, it } from 'vitest';
import {
  DEFAULT_FUSIONS,
  DEFAULT_SPELLINGS,
  findSites,
  MatchStatistics,
  type Spelling,
} from '../src/index.ts';
import { CHAIN, INPUTS, reduce } from './chains.ts';
import { program } from './program.ts';

describe('the surface', () => {
  it('lists every rule once, with an example', () => {
    const names = [...DEFAULT_SPELLINGS, ...DEFAULT_FUSIONS].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { title, example } of [...DEFAULT_SPELLINGS, ...DEFAULT_FUSIONS])
      expect(title.length * example.length).toBeGreaterThan(0);
  });

  it('counts per rule when asked to', () => {
    const statistics = new MatchStatistics();
    findSites(program(`${CHAIN}-> y, s`), { statistics });
    const rules = new Map(statistics.rules().map((rule) => [rule.rule, rule]));
    expect(rules.get('norm.rms/decomposed')).toMatchObject({ matched: 1 });
    expect(rules.get('ar_add_rms')).toEqual({ rule: 'ar_add_rms', tried: 1, matched: 1 });
    let now = 0;
    const timed = new MatchStatistics({ clock: () => (now += 1) });
    findSites(program(`${CHAIN}-> y, s`), { statistics: timed });
    expect(timed.rules().find(({ rule }) => rule === 'ar_rms')).toMatchObject({
      tried: 1,
      matched: 0,
      milliseconds: 1,
    });
  });

  it('takes a spelling of the user', () => {
    const acme: Spelling = {
      name: 'norm.rms/acme',
      produces: 'norm.rms',
      ops: ['acme.norm'],
      title: 'acme.norm',
      example: 'y = acme.norm(x)',
      lift: (node, { graph, flow }) => {
        const x = node.args[0];
        const output = graph.result(node);
        if (x?.kind !== 'value' || !output) return [];
        return [
          {
            op: 'norm.rms',
            spelling: 'norm.rms/acme',
            node: node.id,
            covered: [node.id],
            side: [],
            x: flow.root(x.id),
            eps: 1e-3,
            weight: null,
            weightDtype: null,
            weightBias: 0,
            weightMultiply: 'before',
            hidden: 64,
            output: output.id,
          },
        ];
      },
    };
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      y: bf16[T,64] = acme.norm.default(a)
      -> y`);
    expect(findSites(graph).sites).toEqual([]);
    expect(findSites(graph, { spellings: [acme] }).sites).toMatchObject([
      { pattern: 'ar_rms', stages: [{}, { eps: 1e-3 }] },
    ]);
  });
});
