import { describe, expect, it } from 'vitest';
import { readExportedProgram } from '../../src/exported/index.ts';
import { call, failure, node, program, t } from './program-text.ts';

describe('readExportedProgram', () => {
  it('decodes every kind of argument', () => {
    const args: [string, unknown][] = [
      ['none', { as_none: true }],
      ['tensors', { as_tensors: [{ name: 'x' }, { name: 'y' }] }],
      ['optional', { as_optional_tensors: [{ as_none: true }, t('y')] }],
      ['int', { as_int: '@int' }],
      ['inf', { as_float: '-Infinity' }],
      ['floats', { as_floats: [0.5, 1e-5] }],
      ['strings', { as_strings: ['sum'] }],
      ['bools', { as_bools: [true] }],
      ['symints', { as_sym_ints: [{ as_int: 1 }, { as_name: 'n' }, { as_name: 'free' }] }],
      ['dtype', { as_scalar_type: 29 }],
      ['layout', { as_layout: 7 }],
      ['format', { as_memory_format: 4 }],
      ['device', { as_device: { type: 'cuda', index: 1 } }],
      ['complex', { as_complex: { real: 1, imag: -2 } }],
      ['lists', { as_int_lists: [[1, 2], []] }],
      ['dict', { as_string_to_argument: { k: { as_bool: false } } }],
    ];
    const text = program({
      nodes: [
        call(
          'torch.ops.aten.sym_size.int',
          [
            ['self', t('x')],
            ['dim', { as_int: 0 }],
          ],
          [{ as_sym_int: { as_name: 'n' } }],
        ),
        call(
          'torch.ops.my.op.default',
          args.map(([name, arg]) => [name, arg, 2]),
          [t('a')],
        ),
      ],
      outputs: [t('a')],
      graph: {
        sym_int_values: {
          n: {
            as_expr: { expr_str: "Symbol('s0', positive=True, integer=True)", hint: { as_int: 8 } },
          },
          free: {
            as_expr: {
              expr_str: "Mul(Integer(2), Symbol('s0', positive=True, integer=True))",
              hint: null,
            },
          },
        },
      },
    }).replace('"@int"', '9223372036854775807');
    const graph = readExportedProgram(text);
    const id = (name: string): number => graph.values.find((value) => value.name === name)!.id;
    const value = (name: string) => ({ kind: 'value', id: id(name) });
    const { kwargs } = node(graph, 'a');
    expect(kwargs).toMatchObject({
      none: { kind: 'none' },
      tensors: { kind: 'list', items: [value('x'), value('y')] },
      optional: { kind: 'list', items: [{ kind: 'none' }, value('y')] },
      int: { kind: 'int', value: 9223372036854775807n },
      inf: { kind: 'float', value: -Infinity },
      floats: {
        kind: 'list',
        items: [
          { kind: 'float', value: 0.5 },
          { kind: 'float', value: 1e-5 },
        ],
      },
      strings: { kind: 'list', items: [{ kind: 'string', value: 'sum' }] },
      bools: { kind: 'list', items: [{ kind: 'bool', value: true }] },
      dtype: { kind: 'dtype', value: 'f8e4m3fn' },
      layout: { kind: 'enum', type: 'layout', value: 'strided' },
      format: { kind: 'enum', type: 'memory_format', value: 'preserve_format' },
      device: { kind: 'device', value: 'cuda:1' },
      complex: { kind: 'complex', re: 1, im: -2 },
      dict: {
        kind: 'dict',
        entries: [
          [
            { kind: 'string', value: 'k' },
            { kind: 'bool', value: false },
          ],
        ],
      },
    });
    const symints = kwargs.symints!;
    expect(symints.kind === 'list' && symints.items.map((item) => item.kind)).toEqual([
      'int',
      'value',
      'dim',
    ]);
    expect(graph.value(id('x')).type).toMatchObject({
      kind: 'tensor',
      dtype: 'bf16',
      device: 'cuda:0',
    });
    expect(graph.value(id('n')).type).toMatchObject({ kind: 'sym', scalar: 'int' });
  });

  it('unwraps auto_functionalized and places its results', () => {
    const graph = readExportedProgram(
      program({
        nodes: [
          call(
            'torch.ops.higher_order.auto_functionalized',
            [
              ['', { as_operator: 'torch.ops._C.fused_add_rms_norm.default' }],
              ['input', t('x'), 2],
              ['residual', t('y'), 2],
              ['epsilon', { as_float: 1e-6 }, 2],
            ],
            [{ as_none: true }, t('a'), t('b')],
            { name: 'auto' },
          ),
        ],
        outputs: [t('a'), t('b')],
      }),
    );
    const fused = node(graph, 'auto');
    expect(fused.op).toBe('_C.fused_add_rms_norm.default');
    expect(fused.wrapper).toBe('auto_functionalized');
    expect(fused.args).toEqual([]);
    expect(Object.keys(fused.kwargs)).toEqual(['input', 'residual', 'epsilon']);
    expect(fused.outputs.map((id) => graph.value(id).name)).toEqual(['a', 'b']);
    expect(graph.outputs).toEqual(fused.outputs.map((id) => ({ kind: 'value', id })));
  });

  it('unwraps auto_functionalized_v2, whose changed arguments are bases', () => {
    const graph = readExportedProgram(
      program({
        nodes: [
          call(
            'torch.ops.higher_order.auto_functionalized_v2',
            [
              ['', { as_operator: 'torch.ops._C.fused_add_rms_norm.default' }],
              ['epsilon', { as_float: 1e-6 }, 2],
              ['_input_base_index', { as_int: 0 }, 2],
              ['_residual_base_index', { as_int: 1 }, 2],
              ['_all_bases', { as_tensors: [{ name: 'x' }, { name: 'y' }] }, 2],
            ],
            [{ as_none: true }, t('a'), t('b')],
            { name: 'auto' },
          ),
        ],
        outputs: [t('a'), t('b')],
      }),
    );
    const fused = node(graph, 'auto');
    expect(fused).toMatchObject({
      op: '_C.fused_add_rms_norm.default',
      wrapper: 'auto_functionalized_v2',
    });
    const id = (name: string): number => graph.values.find((value) => value.name === name)!.id;
    expect(fused.outputs.map((output) => graph.value(output).source)).toEqual([
      { kind: 'write', arg: 'input', of: id('x'), via: 'direct' },
      { kind: 'write', arg: 'residual', of: id('y'), via: 'direct' },
    ]);
  });

  it('reads multi-output nodes, lists of tensors and nodes without outputs', () => {
    const graph = readExportedProgram(
      program({
        nodes: [
          call('torch.ops.aten.topk.default', [['self', t('x')]], [t('a'), t('b')]),
          call(
            'torch.ops.aten.chunk.default',
            [['self', t('b')]],
            [{ as_tensors: [{ name: 'c' }] }],
          ),
          call('torch.ops.aten._assert_tensor_metadata.default', [['a', t('c')]], []),
          call('torch.ops.aten._assert_tensor_metadata.default', [['a', t('c')]], []),
        ],
        outputs: [t('c')],
      }),
    );
    expect(graph.nodes.map((one) => one.op)).toEqual([
      'aten.topk.default',
      'aten.chunk.default',
      'aten._assert_tensor_metadata.default',
      'aten._assert_tensor_metadata.default',
    ]);
    expect(new Set(graph.nodes.map((one) => one.name)).size).toBe(4);
    expect(graph.result(graph.nodes[0]!, 1)?.name).toBe('b');
    expect(graph.result(graph.nodes[1]!, 0)?.name).toBe('c');
  });

  it('reads sub-graphs of higher-order ops', () => {
    const body = {
      inputs: [t('x')],
      outputs: [t('a')],
      nodes: [call('torch.ops.aten.neg.default', [['self', t('x')]], [t('a')])],
      tensor_values: {},
    };
    const graph = readExportedProgram(
      program({
        nodes: [
          call(
            'torch.ops.higher_order.cond',
            [
              ['', t('x')],
              ['', { as_graph: { name: 'true_graph_0', graph: body } }],
              ['', { as_graph: { name: 'false_graph_0', graph: body } }],
              ['', { as_tensors: [{ name: 'x' }] }],
            ],
            [t('a')],
          ),
        ],
        outputs: [t('a')],
      }),
    );
    expect([...graph.subgraphs.keys()]).toEqual(['true_graph_0', 'false_graph_0']);
    expect(node(graph, 'a').args[1]).toEqual({ kind: 'graph', name: 'true_graph_0' });
    expect(graph.subgraphs.get('true_graph_0')!.nodes[0]!.op).toBe('aten.neg.default');
  });

  it('turns outputs that overwrite inputs into writes, and labels inputs', () => {
    const graph = readExportedProgram(
      program({
        inputs: ['b_cache', 'p_w', 'x'],
        nodes: [
          call(
            '_operator.add',
            [
              ['', t('b_cache')],
              ['', t('x')],
            ],
            [t('a')],
          ),
          call(
            'torch.ops.aten.mul.Tensor',
            [
              ['self', t('x')],
              ['other', t('p_w')],
            ],
            [t('b')],
          ),
        ],
        outputs: [t('a'), t('b'), t('b')],
        inputSpecs: [
          { buffer: { arg: { name: 'b_cache' }, buffer_name: 'layer.cache', persistent: false } },
          { parameter: { arg: { name: 'p_w' }, parameter_name: 'layer.weight' } },
          { user_input: { arg: t('x') } },
        ],
        outputSpecs: [
          { buffer_mutation: { arg: { name: 'a' }, buffer_name: 'layer.cache' } },
          { user_input_mutation: { arg: { name: 'b' }, user_input_name: 'x' } },
          { user_output: { arg: t('b') } },
        ],
      }),
    );
    expect(graph.meta.labels).toEqual({ b_cache: 'layer.cache', p_w: 'layer.weight' });
    const name = (id: number): string => graph.value(id).name;
    expect(graph.inputWrites.map(({ input, value }) => [name(input), name(value)])).toEqual([
      ['b_cache', 'a'],
      ['x', 'b'],
    ]);
    expect(graph.outputs).toHaveLength(1);
    expect(graph.nodes.map((one) => one.op)).toEqual(['operator.add', 'aten.mul.Tensor']);
  });

  it('skips specialised constants among the inputs, and tolerates missing and unknown fields', () => {
    const text = program({
      nodes: [call('torch.ops.aten.neg.default', [['self', t('x')]], [t('a')])],
      outputs: [t('a')],
    });
    const document = JSON.parse(text) as {
      graph_module: {
        graph: { inputs: unknown[]; sym_bool_values?: unknown };
        signature: { input_specs: unknown[] };
        future?: number;
      };
      guards_code?: unknown;
    };
    document.graph_module.graph.inputs.push({ as_bool: false });
    document.graph_module.signature.input_specs.push({
      constant_input: { name: 'use_cache', value: { as_bool: false } },
    });
    document.graph_module.graph.sym_bool_values = undefined;
    document.graph_module.future = 1;
    const graph = readExportedProgram(JSON.stringify(document));
    expect(graph.inputs).toHaveLength(2);
    expect(graph.meta.warnings).toBeUndefined();
  });

  it('warns of a newer minor version, and refuses another major one by name', () => {
    const nodes: unknown[] = [];
    const newer = readExportedProgram(
      program({ nodes, top: { schema_version: { major: 8, minor: 99 } } }),
    );
    expect(newer.meta.warnings?.[0]).toContain('8.99');
    const old = failure(program({ nodes, top: { schema_version: { major: 7, minor: 3 } } }));
    expect(old.toJSON()).toMatchObject({
      code: 'ARFUSE_UNSUPPORTED',
      details: { major: 7, minor: 3 },
      place: { file: 'm.json', pointer: '/schema_version' },
    });
    expect(old.message).toContain('schema 7.3');
    expect(
      failure(program({ nodes, top: { schema_version: { major: 9, minor: 0 } } })).hint,
    ).toContain('Upgrade');
  });

  const neg = (input: string, output: string) =>
    call('torch.ops.aten.neg.default', [['self', t(input)]], [t(output)]);
  it.each([
    [
      'an undefined name',
      { nodes: [neg('zz', 'a')] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0/arg/as_tensor',
      '"zz"',
    ],
    [
      'a cycle',
      { nodes: [neg('b', 'a'), neg('a', 'b')] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0/arg/as_tensor',
      '"b"',
    ],
    [
      'a duplicate name',
      { nodes: [neg('x', 'a'), neg('x', 'a')] },
      'ARFUSE_GRAPH_INVALID',
      '/graph_module/graph/nodes/1',
      '"a"',
    ],
    [
      'an unknown argument kind',
      { nodes: [call('torch.ops.a.b.c', [['q', { as_wild: 1 }]], [])] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0/arg/as_wild',
      'as_wild',
    ],
    [
      'a union with two tags',
      { nodes: [call('torch.ops.a.b.c', [['q', { as_int: 1, as_bool: true }]], [])] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0/arg',
      'as_int, as_bool',
    ],
    [
      'an unknown dtype',
      { nodes: [call('torch.ops.a.b.c', [['q', { as_scalar_type: 99 }]], [])] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0/arg/as_scalar_type',
      '99',
    ],
    [
      'a wrong type',
      { nodes: [call('torch.ops.a.b.c', [['q', { as_int: 1.5 }]], [])] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0/arg/as_int',
      '1.5',
    ],
    [
      'an undefined output',
      { nodes: [], outputs: [t('zz')] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/outputs/0/as_tensor',
      '"zz"',
    ],
    [
      'a signature of another length',
      { nodes: [], outputs: [t('x')], outputSpecs: [] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/signature',
      '0 outputs',
    ],
    [
      'an unreadable size',
      {
        nodes: [],
        graph: {
          tensor_values: {
            x: { dtype: 13, sizes: [{ as_int: 8 }, { as_expr: { expr_str: 's0 +' } }] },
          },
        },
      },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/tensor_values/x/sizes/1',
      '"s0 +"',
    ],
    [
      'a negative size',
      { nodes: [], graph: { tensor_values: { x: { dtype: 13, sizes: [{ as_int: -8 }] } } } },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/tensor_values/x/sizes/0',
      '-8',
    ],
    [
      'a parameter that is no input',
      { nodes: [], inputSpecs: [{ parameter: { arg: { name: 'p' }, parameter_name: 'w' } }] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/signature/input_specs/0/parameter',
      '"p"',
    ],
    [
      'an overwritten input that does not exist',
      {
        nodes: [],
        outputs: [t('x')],
        outputSpecs: [{ buffer_mutation: { arg: { name: 'x' }, buffer_name: 'b' } }],
      },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/signature/output_specs/0/buffer_mutation',
      '"b"',
    ],
    [
      'an argument given twice',
      {
        nodes: [
          call(
            'torch.ops.a.b.c',
            [
              ['q', { as_int: 1 }, 2],
              ['q', { as_int: 2 }, 2],
            ],
            [],
          ),
        ],
      },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/1',
      '"q"',
    ],
    [
      'an argument named __proto__',
      { nodes: [call('torch.ops.a.b.c', [['__proto__', { as_int: 1 }, 2]], [])] },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph/nodes/0/inputs/0',
      '__proto__',
    ],
    [
      'an empty range',
      { nodes: [], top: { range_constraints: { s0: { min_val: 5, max_val: 3 } } } },
      'ARFUSE_GRAPH_FORMAT',
      '/range_constraints/s0',
      '5 to 3',
    ],
    [
      'no version',
      { nodes: [], top: { schema_version: undefined } },
      'ARFUSE_GRAPH_FORMAT',
      '/schema_version',
      'nothing',
    ],
    [
      'no graph',
      { nodes: [], top: { graph_module: {} } },
      'ARFUSE_GRAPH_FORMAT',
      '/graph_module/graph',
      'nothing',
    ],
  ])('refuses %s', (_, parts, code, pointer, quoted) => {
    const error = failure(program(parts));
    expect(error.toJSON()).toMatchObject({ code, place: { file: 'm.json', pointer } });
    expect(error.message).toContain(quoted);
  });

  it('bounds the number of nodes', () => {
    const nodes = [neg('x', 'a'), neg('a', 'b')];
    expect(() => readExportedProgram(program({ nodes }), { limits: { maxNodes: 1 } })).toThrow(
      /2 nodes; the limit is 1/,
    );
  });
});
