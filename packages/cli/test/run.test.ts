import { beforeAll, describe, expect, it } from 'vitest';
import { arfuse, badLines, planFileOf, tinyPlan } from './cli.ts';

let plan: string;
beforeAll(async () => {
  plan = await tinyPlan();
}, 60_000);

const planFile = (): string => planFileOf(plan);

async function text(args: readonly string[]): Promise<string> {
  const ran = await arfuse(args);
  expect(ran).toMatchObject({ code: 0, err: '' });
  expect(badLines(ran.out)).toEqual([]);
  return ran.out;
}

const json = async (args: readonly string[]) => JSON.parse(await text([...args, '--json']));

describe('run', () => {
  it('executes the sites of a plan', async () => {
    const reference = ['run', planFile(), '--on', 'reference', '--tokens', '3'];
    const out = await text([...reference, '--steps', '2']);
    expect(out).toMatch(/^reference backend, 2 simulated ranks, 3 tokens, 2 × 4 sites, seed 1\n/);
    expect(out).toMatch(/^c0 +6 {2}flashinfer\/one-shot {2}all_reduce +0\.\d\d/m);
    expect(await json(reference)).toMatchObject({
      backend: 'reference',
      tokens: 3,
      ranks: 2,
      classes: [
        { class: 'c0', sites: 3 },
        { class: 'c1', sites: 1 },
      ],
    });
    expect(await text([...reference, '--site', 's1'])).toMatch(/1 × 1 site, seed 1/);
  });

  it.each([
    [['--on', 'reference', '--ranks-per-device', '2'], /--ranks-per-device says nothing/],
    [['--steps', '2'], /--steps says nothing with --on gpu/],
    [['--on', 'reference', '--site', 's99'], /no site "s99". Its sites are s0 … s3/],
  ])('refuses %j', async (options, sentence) => {
    const ran = await arfuse(['run', planFile(), ...options]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(sentence);
  });
});
