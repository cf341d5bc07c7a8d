import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { INPUTS, onlySite, reduce, rms, describe as say } from './chains.ts';
import { program } from './program.ts';

describe('chains', () => {
  it('finds the sandwich', () => {
    const site = onlySite(
      program(`${INPUTS}
      in w2: bf16[64]${reduce('x', 'a')}${rms('a', 'p', 'w2')}
      s: bf16[T,64] = aten.add.Tensor(r, p)${rms('s', 'y')}
      -> y, s`),
    );
    expect(site).toMatchObject({
      pattern: 'ar_prepost',
      numerics: { preNormWeightMultiply: 'after' },
    });
    expect(site.stages.map(({ kind }) => kind)).toEqual([
      'all_reduce',
      'pre_norm',
      'residual',
      'norm',
    ]);
  });

  it('takes the first norm alone where no second one follows', () => {
    const site = onlySite(
      program(`${INPUTS}${reduce('x', 'a')}${rms('a', 'p')}
      s: bf16[T,64] = aten.add.Tensor(r, p)
      -> s`),
    );
    expect(site.pattern).toBe('ar_rms');
  });

  it.each([
    [
      'bias',
      'b: bf16[T,64] = aten.add.Tensor(a, bias)',
      [{ kind: 'all_reduce' }, { kind: 'bias', dtype: 'bf16' }],
    ],
    [
      'bias in front',
      'b: bf16[T,64] = operator.add(bias, a)',
      [{ kind: 'all_reduce' }, { kind: 'bias', dtype: 'bf16' }],
    ],
    [
      'scale',
      'b: bf16[T,64] = aten.mul.Tensor(a, 0.22)',
      [{ kind: 'all_reduce' }, { kind: 'scale', factor: 0.22 }],
    ],
    [
      'scale in front',
      'b: bf16[T,64] = operator.mul(0.22, a)',
      [{ kind: 'all_reduce' }, { kind: 'scale', factor: 0.22 }],
    ],
    [
      'division by a power of two',
      'b: bf16[T,64] = aten.div.Tensor(a, 4.0)',
      [{ kind: 'all_reduce' }, { kind: 'scale', factor: 0.25 }],
    ],
    [
      'scale, then bias',
      'b0: bf16[T,64] = aten.mul.Tensor(a, 0.5)\n b: bf16[T,64] = aten.add.Tensor(b0, bias)',
      [{ kind: 'all_reduce' }, { kind: 'scale', factor: 0.5 }, { kind: 'bias', dtype: 'bf16' }],
    ],
  ])('takes a %s', (_, text, head) => {
    const graph = program(`${INPUTS}
      in bias: bf16[64]${reduce('x', 'a')}
      ${text}
      s: bf16[T,64] = aten.add.Tensor(r, b)${rms('s', 'y')}
      -> y, s`);
    const site = onlySite(graph);
    expect(site.stages.slice(0, -2)).toEqual(head);
    expect(site.inputs.bias === undefined).toBe(!head.some(({ kind }) => kind === 'bias'));
  });

  it('exports the value that enters the addition, after bias and scale', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      b: bf16[T,64] = aten.mul.Tensor(a, 0.22)
      s: bf16[T,64] = aten.add.Tensor(r, b)${rms('s', 'y')}
      -> y, s, b`);
    expect(say(graph, onlySite(graph)).outputs).toEqual(['all_reduce:b', 'residual:s', 'norm:y']);
  });

  it('takes a scaled residual', () => {
    const graph = program(`${INPUTS}${reduce('x', 'a')}
      q: bf16[T,64] = aten.mul.Tensor(r, 1.5)
      s: bf16[T,64] = aten.add.Tensor(q, a)${rms('s', 'y')}
      -> y, s`);
    const site = onlySite(graph);
    expect(site.stages[1]).toEqual({ kind: 'residual', factor: 1.5 });
    expect(graph.value(site.inputs.residual!).name).toBe('r');
  });

  it('merges two all-reduces whose results are only summed', () => {
    const graph = program(`${INPUTS}
      in x2: bf16[T,64]${reduce('x', 'a')}${reduce('x2', 'b')}
      t: bf16[T,64] = aten.add.Tensor(a, b)
      s: bf16[T,64] = aten.add.Tensor(r, t)${rms('s', 'y')}
      -> y, s`);
    const site = onlySite(graph);
    expect(site.stages.map(({ kind }) => kind)).toEqual([
      'merge',
      'all_reduce',
      'residual',
      'norm',
    ]);
    expect(site.allReduces.map((id) => graph.node(id).name)).toEqual(['a_ar', 'b_ar']);
    expect(site.inputs.partials.map((id) => graph.value(id).name)).toEqual(['x', 'x2']);
    expect(site.numerics.mergedPartials).toBe(false);
  });

  it('gives the sum of two all-reduces to the later one when the first is read elsewhere', () => {
    const graph = program(`${INPUTS}
      in x2: bf16[T,64]${reduce('x', 'a')}${rms('a', 'z')}${reduce('x2', 'b')}
      s: bf16[T,64] = aten.add.Tensor(a, b)${rms('s', 'y')}
      -> y, s, z`);
    const { sites, misses } = findSites(graph);
    expect(misses).toEqual([]);
    expect(sites.map((site) => [site.pattern, say(graph, site).outputs])).toEqual([
      ['ar_rms', ['all_reduce:a', 'norm:z']],
      ['ar_add_rms', ['residual:s', 'norm:y']],
    ]);
  });
});
