import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { CHAIN, essence, INPUTS, onlySite, reduce, rms } from './chains.ts';
import { program } from './program.ts';

const TAIL = `
  s: bf16[T,64] = aten.add.Tensor(r, a)${rms('s', 'y')}
  -> y, s
`;

describe('all-reduce', () => {
  it.each([
    ['functional', reduce('x', 'a')],
    ['not waited for', "a: bf16[T,64] = _c10d_functional.all_reduce.default(x, 'sum', '0')"],
    ['vLLM, positional', "a: bf16[T,64] = vllm.all_reduce.default(x, '0')"],
    ['vLLM, by keyword, without overload', "a: bf16[T,64] = vllm.all_reduce(x, group_name='0')"],
    ['SGLang, out of place', "a: bf16[T,64] = sglang.outplace_all_reduce(x, '0', 'auto')"],
    ['AITER', "a: bf16[T,64] = aiter.all_reduce_(x, group_name='0', ca_use_new=True)"],
    ['one-shot', "a: bf16[T,64] = symm_mem.one_shot_all_reduce.default(x, 'sum', '0')"],
    [
      'two-shot in place',
      "z: bf16[T,64] = aten.relu.default(x)\n a: bf16[T,64] = symm_mem.two_shot_all_reduce_.default(z, 'sum', '0')",
    ],
    [
      'multimem in place',
      "z: bf16[T,64] = aten.relu.default(x)\n a: bf16[T,64] = symm_mem.multimem_all_reduce_.default(z, 'sum', '0')",
    ],
    [
      'in place, by result',
      "z: bf16[T,64] = aten.relu.default(x)\n b: bf16[T,64] = _c10d_functional.all_reduce_.default(z, 'sum', '0')\n a: bf16[T,64] = _c10d_functional.wait_tensor.default(b)",
    ],
    ['a number as group', "a: bf16[T,64] = _c10d_functional.all_reduce.default(x, 'sum', 0)"],
  ])('%s', (_, form) => {
    const graph = program(`${INPUTS}${form}${TAIL}`);
    expect(essence(findSites(graph))).toEqual(essence(findSites(program(`${CHAIN}-> y, s`))));
  });

  it.each([
    ['SGLang', "sglang.inplace_all_reduce(z, group_name='tp:0')", 'tp:0'],
    ['CPU', '_C.shm_allreduce(0, z)', ''],
    ['torch.distributed', 'torch.distributed.all_reduce(z)', ''],
    [
      'in place, by argument',
      "b: bf16[T,64] = _c10d_functional.all_reduce_.default(z, 'sum', 'g')",
      'g',
    ],
  ])('%s changes its argument', (_, form, group) => {
    const site = onlySite(
      program(`${INPUTS}
      z: bf16[T,64] = aten.relu.default(x)
      ${form}
      s: bf16[T,64] = aten.add.Tensor(r, z)${rms('s', 'y')}
      -> y, s`),
    );
    expect(site).toMatchObject({ pattern: 'ar_add_rms', group });
  });

  it('takes a coalesced call of one tensor, and refuses more', () => {
    const one = program(`${INPUTS}
      b, _: bf16[T,64], none = _c10d_functional.all_reduce_coalesced.default([x], 'sum', '0')
      a: bf16[T,64] = _c10d_functional.wait_tensor.default(b)${rms('a', 'y')}
      -> y`);
    expect(onlySite(one).pattern).toBe('ar_rms');
    const two = program(`${INPUTS}
      in x2: bf16[T,64]
      b0, b1: bf16[T,64], bf16[T,64] = _c10d_functional.all_reduce_coalesced.default([x, x2], 'sum', '0')
      a0: bf16[T,64] = _c10d_functional.wait_tensor.default(b0)
      a1: bf16[T,64] = _c10d_functional.wait_tensor.default(b1)${rms('a0', 'y0')}${rms('a1', 'y1')}
      -> y0, y1`);
    expect(findSites(two)).toMatchObject({
      sites: [],
      misses: [{ phase: 'check', reason: expect.stringContaining('2 tensors') }],
    });
  });

  it('takes a graph value for a group', () => {
    const graph = program(`${INPUTS}
      in pg: none
      a: bf16[T,64] = _c10d_functional.all_reduce.default(x, 'sum', pg)${TAIL}`);
    expect(findSites(graph)).toMatchObject({ groups: ['pg'], sites: [{ group: 'pg' }] });
  });

  it('numbers groups by first use', () => {
    const graph =
      program(`${INPUTS}${reduce('x', 'a', 'ep')}${rms('a', 'y')}${reduce('y', 'b', 'tp')}${rms('b', 'z')}
      -> z`);
    expect(findSites(graph).groups).toEqual(['ep', 'tp']);
  });
});
