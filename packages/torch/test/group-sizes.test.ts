import { GraphError } from '@arfuse/contract';
import { type Arg, GraphBuilder } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { statedGroupSizes } from '../src/group-sizes.ts';
import { readGraph } from '../src/index.ts';
import { ABSENT, fixture } from './fixtures.ts';

const int = (value: number): Arg => ({ kind: 'int', value });
const string = (value: string): Arg => ({ kind: 'string', value });

describe('statedGroupSizes', () => {
  const graph = (...calls: [size: number, group: string][]) => {
    const builder = new GraphBuilder({ format: 'test', level: 'aten', source: 'x.json' });
    const x: Arg = { kind: 'value', id: builder.input('x', null) };
    calls.forEach(([size, group], index) => {
      builder.node({
        name: `r${index}`,
        op: '_c10d_functional.reduce_scatter_tensor.default',
        // Once by position, once by keyword.
        args: index === 0 ? [x, string('sum'), int(size), string(group)] : [x, string('sum')],
        kwargs: index === 0 ? {} : { group_size: int(size), group_name: string(group) },
        provenance: { pointer: `/nodes/${index}` },
        results: { kind: 'one', type: null },
      });
    });
    return builder.finish();
  };

  it('reads sizes by position and by keyword', () => {
    expect(statedGroupSizes(graph([2, 'tp'], [8, 'ep'], [8, 'ep']))).toEqual({ tp: 2, ep: 8 });
  });

  it('refuses two sizes of one group, at the second', () => {
    try {
      statedGroupSizes(graph([2, 'tp'], [4, 'tp']));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GraphError);
      expect((error as GraphError).toJSON()).toMatchObject({
        place: { file: 'x.json', pointer: '/nodes/1' },
        details: { group: 'tp', sizes: [2, 4] },
      });
    }
  });

  /** Calls of ops that an engine has fused, which name no group or list its ranks. */
  const fused = (...calls: [op: string, kwargs: Record<string, Arg>][]) => {
    const builder = new GraphBuilder({ format: 'test', level: 'post_grad', source: 'x.py' });
    const x: Arg = { kind: 'value', id: builder.input('x', null) };
    calls.forEach(([op, kwargs], index) => {
      builder.node({
        name: `f${index}`,
        op,
        args: [],
        kwargs: { input: x, ...kwargs },
        provenance: { line: index + 1 },
        results: { kind: 'none' },
      });
    });
    return builder.finish();
  };
  const ranks = (...items: number[]): Arg => ({ kind: 'list', items: items.map(int) });
  const VLLM = 'vllm.flashinfer_trtllm_fused_allreduce_norm.default';

  it.each([
    ['vLLM', VLLM, { world_size: int(4) }, { '': 4 }],
    ['SGLang', 'sglang._all_reduce_residual_norm_op', { world_size: int(8) }, { '': 8 }],
    ['TensorRT-LLM', 'trtllm.moe_finalize_allreduce', { rank: int(1), nranks: int(2) }, { '': 2 }],
    ['ranks', 'trtllm.allreduce', { group: ranks(0, 1, 2, 3) }, { '0,1,2,3': 4 }],
    ['ranks of a wrapped op', 'trtllm.tunable_allreduce', { group: ranks(4, 5) }, { '4,5': 2 }],
    ['a size that is no literal', VLLM, {}, {}],
    ['an empty list of ranks', 'trtllm.allreduce', { group: ranks() }, {}],
  ] satisfies [string, string, Record<string, Arg>, Record<string, number>][])(
    'reads the size that a fused op states: %s',
    (_, op, kwargs, sizes) => {
      expect(statedGroupSizes(fused([op, kwargs]))).toEqual(sizes);
    },
  );

  it('refuses two sizes of ops without the name of a group', () => {
    try {
      statedGroupSizes(fused([VLLM, { world_size: int(2) }], [VLLM, { world_size: int(4) }]));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(GraphError);
      expect((error as GraphError).message).toContain(
        'node "f1" gives its group, which it does not name, the size 4; an earlier one gives it 2.',
      );
      expect((error as GraphError).toJSON()).toMatchObject({
        place: { file: 'x.py', line: 2 },
        details: { group: '', sizes: [2, 4] },
      });
    }
  });

  it.skipIf(ABSENT)(
    `reads the size inside the ops that vLLM has fused ${ABSENT || ''}`,
    async () => {
      const { programs } = await readGraph(
        fixture(
          'vllm/v0.32.0-llama-ir-fused/dump/rank_0_dp_0/__compiled_fn_1.AFTER_POST_GRAD.1.py.gz',
        ),
      );
      expect(programs[0]!.graph.meta.groupSizes).toEqual({ '': 2 });
    },
  );
});
