import { describe, expect, it } from 'vitest';
import { call, graphOf, show } from './helpers.ts';

const text = (...lines: string[]): string => `${lines.join('\n')}\n`;

const nested = text(
  'class GraphModule(torch.nn.Module):',
  '    def forward(self, x: "f32[s0, 8]", r: "f32[s0, 8]"):',
  '        submod_0 = self.submod_0(x, r);  x = None',
  '        getitem: "f32[s0, 8]" = submod_0[0]',
  '        getitem_1 = submod_0[1];  submod_0 = None',
  '        submod_1 = self.submod_1(r = getitem_1, x = getitem);  submod_1 = None',
  '        submod_0_again = self.submod_0(getitem, getitem_1)',
  '        getitem_2 = submod_0_again[0];  submod_0_again = None',
  '        return (getitem_2, getitem_1)',
  '',
  '    class submod_0(torch.nn.Module):',
  '        def forward(self, a: "f32[s7, 8]", b: "f32[s7, 8]"):',
  '            add: "f32[s7, 8]" = a + b',
  '            return (add, a)',
  '',
  '        class _orig_mod(torch.nn.Module):',
  '            def forward(self, a, b):',
  '                add = a + b',
  '                return (add, a)',
  '',
  '    class submod_1(torch.nn.Module):',
  '        def forward(self, x: "f32[s0, 8]", r: "f32[s0, 8]"):',
  "            all_reduce = torch.ops.sglang.inplace_all_reduce(x, group_name = 'tp:0');  x = all_reduce = None",
  '            return ()',
  '',
);

describe('sub-modules', () => {
  it("are inlined in call order, with their path, and change their caller's values", () => {
    const graph = graphOf(nested);
    expect(graph.nodes.map(({ name, provenance }) => [name, provenance.path])).toEqual([
      ['submod_0_add', 'submod_0'],
      ['submod_1_all_reduce', 'submod_1'],
      ['submod_0_add_1', 'submod_0'],
    ]);
    const state = graph.written(graph.nodes[1]!, 0)!;
    expect(call(graph, graph.nodes[2])).toEqual(['operator.add', `%${state.name}`, '%x']);
    expect(graph.outputs.map((arg) => show(graph, arg))).toEqual(['%submod_0_add_1', '%x']);
  });

  it('equate the symbols of an argument and its parameter', () => {
    const graph = graphOf(nested);
    expect(graph.equalities).toContainEqual({
      left: { op: 'sym', name: 's0' },
      right: { op: 'sym', name: 's7' },
    });
  });

  it('are found below a wrapper without code of its own', () => {
    const graph = graphOf(
      text(
        'class GraphModule(torch.nn.Module):',
        '    def forward(self, x):',
        '        inductor_0 = self.inductor_0(x);  x = None',
        '        return (inductor_0,)',
        '    class inductor_0(torch.nn.Module):',
        '        class _orig_mod(torch.nn.Module):',
        '            def forward(self, x):',
        '                y = x.relu()',
        '                return y',
      ),
    );
    expect(graph.nodes.map(({ op }) => op)).toEqual(['method.relu']);
    expect(show(graph, graph.outputs[0]!)).toBe('%inductor_0_y');
  });

  it('become sub-graphs where a higher-order op takes them', () => {
    const graph = graphOf(
      text(
        'class GraphModule(torch.nn.Module):',
        '    def forward(self, p: "b8[]", x: "f32[8]"):',
        '        true_graph_0 = self.true_graph_0',
        '        false_graph_0 = self.false_graph_0',
        '        cond = torch.ops.higher_order.cond(p, true_graph_0, false_graph_0, (x,));  p = true_graph_0 = false_graph_0 = x = None',
        '        getitem: "f32[8]" = cond[0];  cond = None',
        '        return (getitem,)',
        '    class true_graph_0(torch.nn.Module):',
        '        def forward(self, x: "f32[8]"):',
        '            sin: "f32[8]" = torch.ops.aten.sin.default(x);  x = None',
        '            return (sin,)',
        '    class false_graph_0(torch.nn.Module):',
        '        def forward(self, x: "f32[8]"):',
        '            cos: "f32[8]" = torch.ops.aten.cos.default(x);  x = None',
        '            return (cos,)',
      ),
    );
    expect(graph.nodes[0]!.args.slice(1, 3)).toEqual([
      { kind: 'graph', name: 'true_graph_0' },
      { kind: 'graph', name: 'false_graph_0' },
    ]);
    expect(
      [...graph.subgraphs].map(([name, sub]) => [name, sub.nodes.map(({ op }) => op)]),
    ).toEqual([
      ['true_graph_0', ['aten.sin.default']],
      ['false_graph_0', ['aten.cos.default']],
    ]);
  });

  it('stay opaque where FX prints no class for a leaf', () => {
    const graph = graphOf(
      'def forward(self, x):\n    y: "f32[8]" = self.model_norm(x)\n    return (y,)\n',
    );
    expect(graph.nodes[0]!.op).toBe('call_module.model_norm');
  });
});
