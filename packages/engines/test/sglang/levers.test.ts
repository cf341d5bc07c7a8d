import { describe, expect, it } from 'vitest';
import { openEngine } from '../../src/index.ts';
import { siteClass } from '../support.ts';
import { type Box, scopeOf, sglang, targetOf } from './support.ts';

const ROW = 4096;
const COUNTS = [16, 32, 2048, 4096];

const names = (box: Box) =>
  sglang(box)
    .levers(targetOf(box))
    .map(({ name }) => name);

/** Kernels of all counts and modes. */
function answers(box: Box, env: Record<string, string>, config: Record<string, string>): string {
  const engine = openEngine('sglang@0.5.23', { env, config });
  const scope = scopeOf(box, siteClass({ hidden: ROW / 2 }));
  return [1, 16, 17, 64, 2048, 2049, 4096, 16384]
    .flatMap((tokens) =>
      (['graph', 'eager'] as const).map((mode) =>
        engine
          .today({ ...scope, tokens, mode })
          .steps.map(({ kernel }) => kernel)
          .join('+'),
      ),
    )
    .join(' ');
}

const BOXES: readonly Box[] = [
  {},
  { multicast: true },
  { capability: 100, multicast: true },
  { multicast: true, config: { model_architecture: 'LlamaForCausalLM' } },
];

describe('levers', () => {
  it.each(BOXES)('have values that SGLang takes and that change something: %o', (box) => {
    const target = targetOf(box);
    const { env = {}, config = {} } = box;
    const today = answers(box, env, config);
    const levers = sglang(box).levers(target);
    expect(levers.length).toBeGreaterThan(2);
    for (const lever of levers) {
      expect(lever.sentence).toMatch(/\.$/);
      expect(lever.citation).toMatch(/^sglang 0\.5\.23: /);
      const [, ...others] = lever.values(ROW, COUNTS);
      expect(others.length, lever.name).toBeGreaterThan(0);
      const changed = others.map((value) => {
        const set = { [lever.name]: value };
        return answers(
          box,
          lever.where === 'env' ? { ...env, ...set } : env,
          lever.where === 'config' ? { ...config, ...set } : config,
        );
      });
      expect(
        changed.some((one) => one !== today),
        lever.name,
      ).toBe(true);
    }
  });

  it('are the ones that are open on each box', () => {
    expect(names({})).toEqual([
      'disable-custom-all-reduce',
      'SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB',
      'enable-symm-mem',
    ]);
    expect(names({ multicast: true })).toEqual([
      'enforce-disable-flashinfer-allreduce-fusion',
      'flashinfer-allreduce-fusion-backend',
      'disable-custom-all-reduce',
      'SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB',
      'enable-torch-symm-mem',
      'enable-symm-mem',
    ]);
  });

  it('leave out what the user has set', () => {
    const config = {
      'enforce-disable-flashinfer-allreduce-fusion': 'false',
      'flashinfer-allreduce-fusion-backend': 'auto',
      'disable-custom-all-reduce': 'false',
      'enable-torch-symm-mem': 'false',
      'enable-symm-mem': 'false',
    };
    const env = { SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB: '16384' };
    expect(names({ multicast: true, config, env })).toEqual([]);
  });

  it('have the cap in KiB, rounded up, its default first', () => {
    const lever = sglang({})
      .levers(targetOf({}))
      .find(({ where }) => where === 'env')!;
    expect(lever.values(8192, [1, 64, 2048])).toEqual(['16384', '8', '512']);
    expect(lever.values(100, [1, 11])).toEqual(['16384', '1', '2']);
  });

  it('have the other backend', () => {
    const values = (capability: number) =>
      sglang()
        .levers(targetOf({ capability, multicast: true }))
        .find(({ name }) => name === 'flashinfer-allreduce-fusion-backend')!
        .values(1, []);
    expect(values(90)).toEqual(['auto', 'mnnvl']);
    expect(values(100)).toEqual(['auto', 'trtllm']);
  });
});
