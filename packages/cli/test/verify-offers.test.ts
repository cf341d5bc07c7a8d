import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Plan, sealPlan } from '@arfuse/core';
import { describe, expect, it } from 'vitest';
import { arfuse, badLines, TARGET, TINY, temporaryFolder } from './cli.ts';

const ONE_SHOT = '@arfuse/flashinfer/one-shot';

function file(name: string, text: string): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, text);
  return path;
}

async function planOf(...args: string[]): Promise<Plan> {
  const { out, err } = await arfuse(['plan', TINY, '--target', TARGET, '--json', ...args]);
  expect(err).toBe('');
  return JSON.parse(out) as Plan;
}

/** The plan with every step changed, its hash made good. */
function changed(
  plan: Plan,
  change: (step: Plan['decisions'][number]['segments'][number]['steps'][number]) => object,
): string {
  const decisions = plan.decisions.map((decision) => ({
    ...decision,
    segments: decision.segments.map((segment) => ({
      ...segment,
      steps: segment.steps.map((step) => ({ ...step, ...change(step) })),
    })),
  }));
  return file('changed.json', JSON.stringify(sealPlan({ ...plan, decisions })));
}

/** A configuration with a backend of its own, and a policy that takes it. */
const ACME = `export default {
  use: [{
    specificationVersion: 1, name: '@acme/fast', version: '1.0.0',
    kernels: [{
      id: '@acme/fast/all-reduce', title: 'all-reduce', collective: true, complexity: 0,
      admit: ({ stages }) => stages.length === 1 && stages[0].kind === 'all_reduce'
        ? { admitted: true } : { admitted: false, reasons: ['only reduces.'] },
      offer: () => ({ params: { lanes: 4 }, numerics: { accumulate: 'f32', reduceOrder: 'rank' } }),
      workspace: () => ({ bytes: 0 }),
    }],
  }],
  policy: {
    name: 'acme',
    decide({ candidates }) {
      const candidate = candidates.find(({ name }) => name === '@acme/fast/all-reduce + @arfuse/native/norm');
      return { kind: 'choose', candidate, evidence: { kind: 'rule', note: 'Told so.' }, reason: 'Told so.' };
    },
  },
};`;

describe('arfuse verify compares what the kernels offer', () => {
  it('for a graph and for a plan, with the bundled backends', async () => {
    const plan = await planOf();
    for (const source of [TINY, file('plan.json', JSON.stringify(plan))]) {
      const { code, out, err } = await arfuse([
        'verify',
        source,
        '--target',
        TARGET,
        '--tokens',
        '1',
      ]);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(badLines(out)).toEqual([]);
      expect(out).toMatch(/^offers +tokens +mode +steps$/m);
      expect(out).toMatch(/^c0 c1 +1–120 +graph +flashinfer\/one-shot +ok$/m);
      expect(out).toMatch(/^c0 c1 +513–8192 +eager +flashinfer\/one-shot +ok$/m);
      expect(out).not.toContain('not compared');
    }
  });

  it('and ends with 1 where a kernel was swapped for another of the same cover', async () => {
    const path = changed(await planOf(), ({ kernel }) => ({
      kernel: kernel.replace('one-shot', 'two-shot'),
    }));
    const { code, out } = await arfuse(['verify', path, '--tokens', '1']);
    expect(code).toBe(1);
    expect(badLines(out)).toEqual([]);
    expect(out).toMatch(/^c0 c1 +121–512 +graph +flashinfer\/two-shot +FAIL$/m);
    expect(out.replace(/\s+/g, ' ')).toContain(
      'FAIL class c0 [@arfuse/flashinfer/two-shot], tokens 121–512: offers comparison of ' +
        '@arfuse/flashinfer/two-shot: the plan records params.oneShot true, the kernel offers false.',
    );
    expect(out).toMatch(/not verified: \d+ of \d+ checks failed\n$/);
  });

  it('and prints every difference with --json', async () => {
    const path = changed(await planOf(), ({ params }) => ({
      params: { ...params, fp32Acc: false },
    }));
    const { code, out } = await arfuse(['verify', path, '--tokens', '1', '--json']);
    expect(code).toBe(1);
    const document = JSON.parse(out) as { offers: object[]; failures: string[] };
    expect(document.offers[0]).toEqual({
      class: 'c0',
      tokens: [1, 120],
      mode: 'graph',
      steps: [ONE_SHOT],
      passed: false,
      notCompared: [],
      differences: [{ kernel: ONE_SHOT, field: 'params.fp32Acc', recorded: false, offered: true }],
    });
    expect(document.failures).toHaveLength(document.offers.length);
  });

  it('with the backends of the configuration, and says where one is absent', async () => {
    const config = file('arfuse.config.mjs', ACME);
    const plan = file('plan.json', JSON.stringify(await planOf('--config', config)));
    const verified = ['verify', plan, '--tokens', '1'];
    const known = await arfuse([...verified, '--config', config]);
    expect(known.code).toBe(0);
    expect(known.out).toMatch(
      /^c0 c1 +1–512 +graph +@acme\/fast\/all-reduce \+ native\/norm +ok$/m,
    );
    const unknown = await arfuse(verified);
    expect(unknown.code).toBe(0);
    expect(unknown.out).toMatch(/native\/norm +not compared$/m);
    expect(unknown.out.replace(/\s+/g, ' ')).toContain(
      'note Not compared with what their kernels offer: 4 of 4 segments, for the backend of ' +
        '@acme/fast/all-reduce is not given.',
    );
    const missing = await arfuse([...verified, '--config', 'no.config.mjs']);
    expect(missing).toMatchObject({ code: 2, out: '' });
  });
});
