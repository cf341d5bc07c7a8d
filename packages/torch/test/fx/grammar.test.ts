import { describe, expect, it } from 'vitest';
import { parseFx } from '../../src/fx/index.ts';
import { bodyOf, call, graphOf, show } from './helpers.ts';

const last = (...lines: string[]): unknown[] => {
  const graph = bodyOf(...lines, 'return (x,)');
  return call(graph, graph.nodes.at(-1));
};

describe('op names', () => {
  it.each([
    ['a = torch.ops.aten.add.Tensor(x, y)', ['aten.add.Tensor', '%x', '%y']],
    ["a = torch.ops.vllm.all_reduce(x, group_name = 'tp:0')", ['vllm.all_reduce', '%x']],
    ['a = x + y', ['operator.add', '%x', '%y']],
    ['a = 2 * x', ['operator.mul', 2, '%x']],
    ['a = x @ y', ['operator.matmul', '%x', '%y']],
    ['a = x // 2', ['operator.floordiv', '%x', 2]],
    ['a = x ** 2', ['operator.pow', '%x', 2]],
    ['a = x & y', ['operator.and_', '%x', '%y']],
    ['a = x >= 0', ['operator.ge', '%x', 0]],
    ['a = x == y', ['operator.eq', '%x', '%y']],
    ['a = x is not None', ['operator.is_not', '%x', null]],
    ['a = -x', ['operator.neg', '%x']],
    ['a = ~x', ['operator.invert', '%x']],
    ['a = not x', ['operator.not_', '%x']],
    ['a = x.to(torch.bfloat16)', ['method.to', '%x', { kind: 'dtype', value: 'bf16' }]],
    ['a = x.is_cpu', ['getattr.is_cpu', '%x']],
    ["a = getattr(x, 'is_cpu')", ['getattr.is_cpu', '%x']],
    ['a = torch.rsqrt(x)', ['torch.rsqrt', '%x']],
    ['a = torch._C._nn.linear(x, y, None)', ['torch._C._nn.linear', '%x', '%y', null]],
    ['a = _operator.mul(x, 2)', ['operator.mul', '%x', 2]],
    ['a = math_prod((2, 3))', ['math_prod', [2, 3]]],
    ['a = self.layers_0(x)', ['call_module.layers_0', '%x']],
    ['a = getattr(self.layers, "0").mlp(x)', ['call_module.layers.0.mlp', '%x']],
    [
      'a = getattr(getattr(self.model.layers, "0").experts, "7")(x)',
      ['call_module.model.layers.0.experts.7', '%x'],
    ],
  ])('%s', (line, expected) => {
    expect(last(line)).toEqual(expected);
  });
});

describe('precedence', () => {
  it('follows Python', () => {
    const graph = bodyOf('a = x + y * 2 - -x ** 2', 'return (a,)');
    expect(graph.nodes.map((node) => call(graph, node))).toEqual([
      ['operator.mul', '%y', 2],
      ['operator.add', '%x', '%mul'],
      ['operator.pow', '%x', 2],
      ['operator.neg', '%pow'],
      ['operator.sub', '%add', '%neg'],
    ]);
  });

  it('honours brackets and the order of comparison, bits and shifts', () => {
    const graph = bodyOf('a = (x | y) & x << 1 < y', 'return (a,)');
    expect(graph.nodes.map(({ op }) => op)).toEqual([
      'operator.or_',
      'operator.lshift',
      'operator.and_',
      'operator.lt',
    ]);
  });
});

describe('literals', () => {
  it.each([
    ['1', { kind: 'int', value: 1 }],
    ['-1', { kind: 'int', value: -1 }],
    ['9223372036854775807', { kind: 'int', value: 9223372036854775807n }],
    ['1e-06', { kind: 'float', value: 1e-6 }],
    ['-0.5', { kind: 'float', value: -0.5 }],
    ['1.', { kind: 'float', value: 1 }],
    ['inf', { kind: 'float', value: Number.POSITIVE_INFINITY }],
    ['-inf', { kind: 'float', value: Number.NEGATIVE_INFINITY }],
    ["float('-inf')", { kind: 'float', value: Number.NEGATIVE_INFINITY }],
    ['nan', { kind: 'float', value: Number.NaN }],
    ['2j', { kind: 'complex', re: 0, im: 2 }],
    ['complex(1, 2.5)', { kind: 'complex', re: 1, im: 2.5 }],
    ['True', { kind: 'bool', value: true }],
    ['None', { kind: 'none' }],
    ["'it\\'s \\x41\\u00e9\\n'", { kind: 'string', value: "it's Aé\n" }],
    ['"tp:0"', { kind: 'string', value: 'tp:0' }],
    ['...', { kind: 'ellipsis' }],
    ['Ellipsis', { kind: 'ellipsis' }],
    ['torch.float8_e4m3fn', { kind: 'dtype', value: 'f8e4m3fn' }],
    ["device(type='cuda', index=3)", { kind: 'device', value: 'cuda:3' }],
    ["device(type='meta')", { kind: 'device', value: 'meta' }],
    ['torch.strided', { kind: 'enum', type: 'layout', value: 'strided' }],
    [
      'torch.contiguous_format',
      { kind: 'enum', type: 'memory_format', value: 'contiguous_format' },
    ],
    [
      'torch.distributed.ReduceOp.SUM',
      { kind: 'enum', type: 'torch.distributed.ReduceOp', value: 'SUM' },
    ],
    ['torch.ops._C.rms_norm.default', { kind: 'op', name: '_C.rms_norm.default' }],
    ['s0', { kind: 'dim', dim: { op: 'sym', name: 's0' } }],
    [
      'torch.Size([2, 8])',
      {
        kind: 'list',
        items: [
          { kind: 'int', value: 2 },
          { kind: 'int', value: 8 },
        ],
      },
    ],
    [
      'slice(None, 8, None)',
      {
        kind: 'slice',
        start: { kind: 'none' },
        stop: { kind: 'int', value: 8 },
        step: { kind: 'none' },
      },
    ],
    ['()', { kind: 'tuple', items: [] }],
    ['(1,)', { kind: 'tuple', items: [{ kind: 'int', value: 1 }] }],
    [
      "{'k': 1}",
      {
        kind: 'dict',
        entries: [
          [
            { kind: 'string', value: 'k' },
            { kind: 'int', value: 1 },
          ],
        ],
      },
    ],
  ])('%s', (text, expected) => {
    const graph = bodyOf(`a = torch.ops.acme.f.default(x, ${text})`, 'return (a,)');
    expect(graph.nodes[0]!.args[1]).toEqual(expected);
  });

  it('folds arithmetic over symbols into the argument', () => {
    const graph = bodyOf('a = x.view(2*s0, 4)', 'return (a,)');
    expect(graph.nodes).toHaveLength(1);
    expect(graph.nodes[0]!.args[1]).toEqual({
      kind: 'dim',
      dim: { op: 'mul', args: [2, { op: 'sym', name: 's0' }] },
    });
  });

  it('reads slices in subscripts', () => {
    const graph = bodyOf('a: "f32[s0, 1]" = x[:, ..., 1:, ::2]', 'return (a,)');
    const none = { kind: 'none' };
    expect(graph.nodes[0]!.args[1]).toEqual({
      kind: 'tuple',
      items: [
        { kind: 'slice', start: none, stop: none, step: none },
        { kind: 'ellipsis' },
        { kind: 'slice', start: { kind: 'int', value: 1 }, stop: none, step: none },
        { kind: 'slice', start: none, stop: none, step: { kind: 'int', value: 2 } },
      ],
    });
  });
});

describe('types', () => {
  const typeOf = (annotation: string): unknown => {
    const graph = graphOf(`def forward(self, x${annotation}):\n    return (x,)\n`);
    return graph.value(graph.inputs[0]!).type;
  };

  it.each([
    [
      ': "bf16[s0, 8][8, 1]cuda:0"',
      {
        kind: 'tensor',
        dtype: 'bf16',
        shape: [{ op: 'sym', name: 's0' }, 8],
        strides: [8, 1],
        device: 'cuda:0',
      },
    ],
    [': "f32[]"', { kind: 'tensor', dtype: 'f32', shape: [] }],
    [': "f32[][]cpu"', { kind: 'tensor', dtype: 'f32', shape: [], strides: [], device: 'cpu' }],
    [': "Sym(s72)"', { kind: 'sym', scalar: 'int', expr: { op: 'sym', name: 's72' } }],
    [': "Sym(zuf0)"', { kind: 'sym', scalar: 'float', expr: { op: 'sym', name: 'zuf0' } }],
    [
      ': "DTensor(f32[8, 4], S(0))"',
      { kind: 'tensor', dtype: 'f32', shape: [8, 4], wrapper: 'DTensor(f32[8, 4], S(0))' },
    ],
    [' : torch.Tensor', null],
    [
      ' : vllm_utils_torch_utils_LayerName',
      { kind: 'opaque', text: 'vllm_utils_torch_utils_LayerName' },
    ],
    ['', null],
    [' = None', null],
  ])('x%s', (annotation, expected) => {
    expect(typeOf(annotation)).toEqual(expected);
  });

  it('declares the symbols of annotations without bounds', () => {
    const graph = graphOf(
      'def forward(self, s80: "Sym(s72)", x: "f32[2*s27, (s5//8)]"):\n    return (x, s80)\n',
    );
    expect([...graph.symbols]).toEqual(
      ['s72', 's27', 's5'].map((name) => [name, { name, min: null, max: null }]),
    );
  });
});

describe('statements', () => {
  it('takes items of an unannotated call as results, and indexes tensors', () => {
    const graph = bodyOf(
      'split = x.split([4, 4], dim = -1)',
      'a: "f32[s0, 4]" = split[0]',
      'b: "f32[s0, 4]" = split[1];  split = None',
      'c: "f32[8]" = x[0]',
      'return (a, b, c)',
    );
    expect(graph.nodes.map(({ op }) => op)).toEqual(['method.split', 'operator.getitem']);
    expect(graph.nodes[0]!.outputs.map((id) => graph.value(id))).toMatchObject([
      { name: 'a', type: { shape: [{ name: 's0' }, 4] }, source: { kind: 'result', index: 0 } },
      { name: 'b', source: { kind: 'result', index: 1 } },
    ]);
  });

  it('knows a call that returns nothing by the freed name', () => {
    const graph = bodyOf(
      "r = torch.ops.acme.inplace(x, group_name = 'tp:0');  r = None",
      'return (x,)',
    );
    expect(graph.nodes[0]!.outputs.map((id) => graph.value(id).source.kind)).toEqual(['write']);
    expect(show(graph, graph.outputs[0]!)).toBe('%x__r');
  });

  it('does not take a dropped computation for an effect', () => {
    const graph = bodyOf(
      'a = x.is_cpu;  a = None',
      'b = x.size();  b = None',
      'c = x + y;  c = None',
      'return (x,)',
    );
    expect(show(graph, graph.outputs[0]!)).toBe('%x');
  });

  it('turns augmented assignments and item assignments into changes of their target', () => {
    const graph = bodyOf(
      'x *= 1.5;  imul: "f32[s0, 8]" = x',
      'a = imul + y;  imul = None',
      'return (a, x)',
    );
    expect(call(graph, graph.nodes[0])).toEqual(['operator.imul', '%x', 1.5]);
    expect(call(graph, graph.nodes[1])).toEqual(['operator.add', '%x__imul', '%y']);
    expect(show(graph, graph.outputs[1]!)).toBe('%x__imul');
    const item = bodyOf(
      'x[(slice(None, 4, None),)] = y;  setitem = x;  y = setitem = None',
      'return (x,)',
    );
    expect(item.nodes[0]!.op).toBe('operator.setitem');
    expect(item.nodes[0]!.args).toHaveLength(3);
    expect(show(item, item.outputs[0]!)).toBe('%x__setitem');
  });

  it('treats renames as the same value and labels the input', () => {
    const graph = graphOf(
      'def forward(self, L_self_modules_layers_modules_3_modules_norm_parameters_weight_: "f32[8]"):\n' +
        '    l_w = L_self_modules_layers_modules_3_modules_norm_parameters_weight_\n    return (l_w,)\n',
    );
    expect(graph.nodes).toHaveLength(0);
    expect(graph.meta.labels).toEqual({
      L_self_modules_layers_modules_3_modules_norm_parameters_weight_: 'layers.3.norm.weight',
    });
  });

  it('makes an input of a module constant, once', () => {
    const graph = bodyOf(
      'c: "f32[8]" = self._tensor_constant0',
      'd = self._tensor_constant0',
      'a = c + d',
      'return (a,)',
    );
    expect(graph.inputs.map((id) => graph.value(id).name)).toEqual(['x', 'y', '_tensor_constant0']);
    expect(call(graph, graph.nodes[0])).toEqual([
      'operator.add',
      '%_tensor_constant0',
      '%_tensor_constant0',
    ]);
  });

  it('reads boxed code', () => {
    const graph = graphOf(
      'def forward(self, args_list):\n    args_iter = iter(args_list)\n    x: "f32[8]" = next(args_iter)\n    y = next(args_iter)\n    args_list.clear()\n    a = x + y;  x = y = None\n    return (a,)\n',
    );
    expect(graph.inputs.map((id) => graph.value(id).name)).toEqual(['x', 'y']);
  });

  it('reads pytree code whose inputs keep their names', () => {
    const graph = graphOf(
      'def forward(self, x: "f32[8]", y: "f32[8]"):\n    x, y, = fx_pytree.tree_flatten_spec(([x, y], {}), self._in_spec)\n    a = x + y\n    return pytree.tree_unflatten([a, None], self._out_spec)\n',
    );
    expect(graph.inputs.map((id) => graph.value(id))).toMatchObject([
      { name: 'x', type: { dtype: 'f32' } },
      { name: 'y' },
    ]);
    expect(graph.outputs.map((arg) => show(graph, arg))).toEqual(
      ['%add', null].map((v) => (v === '%add' ? '%a' : v)),
    );
  });

  it('reads expanded definitions with comments and a return over several lines', () => {
    const graph = graphOf(
      'class <lambda>(torch.nn.Module):\n    def forward(\n        self,\n        x: "f32[8]",  # PlainAOTInput(idx=0)\n        y: "f32[8]",  # a, (comment\n    ):\n' +
        '        a: "f32[8]" = torch.ops.aten.add.Tensor(\n            x,  # first\n            y,\n        );  x = None\n        b = a + y\n        return (\n            b,  # PlainAOTOutput(idx=0)\n            y,\n        )\n',
    );
    expect(graph.inputs).toHaveLength(2);
    expect(graph.outputs.map((arg) => show(graph, arg))).toEqual(['%b', '%y']);
    expect(graph.nodeByName('b')?.provenance.line).toBe(11);
  });

  it('reuses a name that was freed', () => {
    const graph = bodyOf(
      'a = x + y',
      'b = a * 2;  a = None',
      'a = b - x;  b = None',
      'return (a,)',
    );
    expect(graph.nodes.map(({ name }) => name)).toEqual(['a', 'b', 'a_1']);
    expect(show(graph, graph.outputs[0]!)).toBe('%a_1');
  });

  it('keeps an unknown statement as text, with a warning', () => {
    const text =
      'def forward(self, x: "f32[8]"):\n    a = [i for i in x];  \n    del x\n    return (a,)\n';
    const [program] = parseFx(text);
    expect(program!.warnings).toHaveLength(2);
    expect(program!.warnings[0]).toContain('line 2: the statement is kept as text');
    expect(program!.graph.nodes.map(({ name, op }) => [name, op])).toEqual([
      ['a', 'raw'],
      ['raw', 'raw'],
    ]);
    expect(call(program!.graph, program!.graph.nodes[0]).slice(2)).toEqual(['%x']);
  });

  it('takes every value that an unknown statement names as its argument', () => {
    const graph = bodyOf(
      'pair = torch.ops.aten.split.Tensor(x, 4)',
      'a = pair[0]',
      'both = (x, y)',
      'b = [pair, both, a] if a else y',
      'return (b,)',
    );
    const raw = graph.nodeByName('b')!;
    expect(raw.op).toBe('raw');
    expect(call(graph, raw).slice(2)).toEqual(['%pair', '%x', '%y', '%a']);
  });

  it('says that print(graph) text beside the code is not read', () => {
    const listing = 'graph():\n    %x : [num_users=1] = placeholder[target=x]\n    return (x,)\n';
    const code = 'def forward(self, x):\n    return (x,)\n';
    for (const text of [`${code}${listing}`, `${listing}${code}`]) {
      const [program] = parseFx(text);
      expect(program!.warnings).toHaveLength(1);
      expect(program!.warnings[0]).toMatch(
        /^line [24]: print\(graph\) text stands beside the code/,
      );
    }
    expect(parseFx(code)[0]!.warnings).toEqual([]);
  });

  it('reads comments as the stack of the nodes below, and drops them on request', () => {
    const text =
      'def forward(self, x):\n    # File: a.py:1 in f, code: y = torch.ops.vllm.all_reduce(x)\n    a = x + x\n    # No stacktrace found for following nodes\n    b = a + a\n    return (b,)\n';
    expect(graphOf(text).nodes.map((node) => node.provenance)).toEqual([
      { line: 3, stack: 'File: a.py:1 in f, code: y = torch.ops.vllm.all_reduce(x)' },
      { line: 5 },
    ]);
    expect(parseFx(text, { redact: true })[0]!.graph.nodes.map((node) => node.provenance)).toEqual([
      { line: 3 },
      { line: 5 },
    ]);
  });

  it('adds the line offset to lines', () => {
    const [program] = parseFx('def forward(self, x):\n    a = x + x\n    return (a,)\n', {
      lineOffset: 100,
      source: 'trace.log',
    });
    expect(program!.graph.nodes[0]!.provenance.line).toBe(102);
    expect(program!.graph.meta.source).toBe('trace.log');
  });

  it('gives one program for each outermost class, named after it', () => {
    const one = (name: string): string =>
      `class ${name}(torch.nn.Module):\n    def forward(self, x):\n        return (x,)\n`;
    expect(
      parseFx(`import torch\n${one('A')}\n# note\n${one('B')}`).map(({ name }) => name),
    ).toEqual(['A', 'B']);
    expect(
      parseFx(`TRACED GRAPH\n ===== my_graph =====\n ${'x/y.py '}${one('GraphModule')}`).map(
        ({ name }) => name,
      ),
    ).toEqual(['my_graph']);
  });
});
