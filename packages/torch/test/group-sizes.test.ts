import { GraphError } from '@arfuse/contract';
import { type Arg, GraphBuilder } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { statedGroupSizes } from '../src/group-sizes.ts';

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
});
