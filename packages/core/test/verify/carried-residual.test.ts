import type { Graph } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { INPUTS, reduce } from '../../../patterns/test/chains.ts';
import { program } from '../../../patterns/test/program.ts';
import { describeFailures, verify } from '../../src/index.ts';
import { BACKENDS, fixture, graphOf, hasShared, planFor, SHARED } from './graphs.ts';

/** A norm of the unrounded sum of a partial and a residual, as compiler passes leave it. */
const unrounded = (from: string, residual: string, at: string): string => `${reduce(from, `a${at}`)}
  c${at}: f32[T,64] = aten.to.dtype(a${at}, f32)
  t${at}: f32[T,64] = aten.add.Tensor(c${at}, ${residual})
  p${at}: f32[T,64] = aten.pow.Tensor_Scalar(t${at}, 2)
  m${at}: f32[T,1] = aten.mean.dim(p${at}, [-1], True)
  e${at}: f32[T,1] = aten.add.Tensor(m${at}, 1e-05)
  v${at}: f32[T,1] = aten.rsqrt.default(e${at})
  n${at}: f32[T,64] = aten.mul.Tensor(t${at}, v${at})
  h${at}: bf16[T,64] = aten.to.dtype(n${at}, bf16)
  y${at}: bf16[T,64] = aten.mul.Tensor(h${at}, w)
`;

/** The residual of the second site is rounded in between, or is the f32 sum itself. */
function twoSites(isCarried: boolean): Graph {
  const rounded = isCarried ? '' : '\n  s: bf16[T,64] = aten.to.dtype(t1, bf16)';
  return program(`${INPUTS}
  in x2: bf16[T,64]${unrounded('x', 'r', '1')}${rounded}${unrounded('x2', isCarried ? 't1' : 's', '2')}
  -> y1, y2`);
}

const carriedNote = (notes: readonly string[]): string | undefined =>
  notes.find((note) => note.startsWith('The capture carries'));

describe('a residual that is carried in f32 from site to site', () => {
  it('is named with its sites, and with its class where only the plan is given', () => {
    const graph = twoSites(true);
    const plan = planFor(graph);
    expect(plan.sites).toHaveLength(2);
    const report = verify(plan, { graph, use: BACKENDS });
    expect(describeFailures(report)).toEqual([]);
    expect(carriedNote(report.notes)).toBe(
      'The capture carries the residual of 2 sites (s0 s1) in f32 from site to site: a compiler pass has dropped its ' +
        'rounding to the activation dtype. The steps round it again, by up to half an ULP per site; residuals are compared ' +
        'as the steps store them, so no comparison measures this, and no deviation names it.',
    );
    expect(carriedNote(verify(plan).notes)).toContain('residual of 2 classes (c0 c1) in f32');
  });

  it('is not named where it is rounded in between', () => {
    const graph = twoSites(false);
    expect(carriedNote(verify(planFor(graph), { graph }).notes)).toBeUndefined();
    expect(carriedNote(verify(planFor(graph)).notes)).toBeUndefined();
    const usual = graphOf('two sites', 'f32');
    expect(carriedNote(verify(planFor(usual), { graph: usual }).notes)).toBeUndefined();
  });

  it.skipIf(!hasShared)(
    'is named in a capture of vLLM (skipped without third-party captures)',
    async () => {
      const graph = await fixture(
        'vllm/v0.11.0-llama-native/dump/rank_0/__compiled_fn_1.AFTER_POST_GRAD.1.py.gz',
        SHARED,
      );
      const plan = planFor(graph);
      expect(carriedNote(verify(plan, { graph, tokens: [3] }).notes)).toContain('2 sites (s0 s1)');
      expect(carriedNote(verify(plan, { tokens: [3] }).notes)).toContain('1 class (c0)');
    },
  );
});
