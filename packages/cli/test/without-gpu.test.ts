import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { arfuse, badLines, planFileOf, tinyPlan } from './cli.ts';

/** A driver is there: these tests are about machines without one. */
const driver = existsSync('/proc/driver/nvidia/version');

let plan: string;
beforeAll(async () => {
  plan = await tinyPlan();
}, 60_000);

const planFile = (): string => planFileOf(plan);

describe.skipIf(driver)('a machine without a GPU (skipped where there is a driver)', () => {
  it.each([
    ['run', ['run']],
    ['verify', ['verify', '--on', 'gpu']],
  ])('%s says so in a sentence and ends with 3', async (_, [command, ...options]) => {
    const ran = await arfuse([command!, planFile(), ...options]);

    expect(ran).toMatchObject({ code: 3, out: '' });
    expect(ran.err).toMatch(/^no GPU to run on: .+\n/);
    expect(ran.err).toContain('`--on reference` simulates the ranks on the CPU.');
    expect(badLines(ran.err)).toEqual([]);
    const json = await arfuse([command!, planFile(), ...options, '--json']);
    expect(json.code).toBe(3);
    expect(JSON.parse(json.out)).toMatchObject({ error: { code: 'ARFUSE_NATIVE' } });
  });

  it('refuses what no GPU would mend before it looks for one', async () => {
    const ran = await arfuse(['run', planFile(), '--tokens', '100000']);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/ARFUSE_USAGE: tokens: 100000 cannot be launched/);
    expect((await arfuse(['verify', planFile(), '--on', 'gpu', '--tokens', '9000'])).code).toBe(2);
    expect((await arfuse(['run', planFile(), '--site', 's99'])).code).toBe(2);
  });
});
