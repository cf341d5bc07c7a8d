import { ArfuseError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { detectFx, parseFx } from '../../src/fx/index.ts';
import { call, graphOf, show } from './helpers.ts';

const text = (...lines: string[]): string => `${lines.join('\n')}\n`;

describe('print(graph)', () => {
  const printed = text(
    'graph():',
    '    %x : [num_users=2] = placeholder[target=x]',
    '    %w : [#users=1] = get_attr[target=layers.0.weight]',
    '    %all_reduce : [num_users=1] = call_function[target=torch.ops._c10d_functional.all_reduce.default](args = (%x, sum, 0), kwargs = {})',
    '    %split : [num_users=2] = call_function[target=torch.ops.aten.split.Tensor](args = (%all_reduce, 4, -1), kwargs = {})',
    '    %getitem : [num_users=1] = call_function[target=operator.getitem](args = (%split, 0), kwargs = {})',
    '    %getitem_1 : [num_users=1] = call_function[target=operator.getitem](args = (%split, 1), kwargs = {})',
    '    %to : [num_users=1] = call_method[target=to](args = (%getitem, torch.float32), kwargs = {memory_format: torch.contiguous_format, device: cuda:0})',
    '    %attn : [num_users=0] = call_function[target=torch.ops.vllm.unified.default](args = (%getitem_1, model.layers.1.self_attn.attn, [%to, None], (slice(None, 8, None), -inf)), kwargs = {eps: 1e-05, s: 2*s0})',
    '    %norm : [num_users=1] = call_module[target=layers.0.norm](args = (%w,), kwargs = {})',
    '    return (to, norm)',
  );

  it('reads nodes, unquoted strings and several results', () => {
    expect(detectFx(printed)).toBe('fx-graph');
    const graph = graphOf(printed);
    expect(graph.inputs.map((id) => graph.value(id).name)).toEqual(['x', 'layers_0_weight']);
    expect(graph.nodes.map((node) => call(graph, node))).toEqual([
      ['_c10d_functional.all_reduce.default', '%x', 'sum', '0'],
      ['aten.split.Tensor', '%all_reduce', 4, -1],
      ['method.to', '%getitem', { kind: 'dtype', value: 'f32' }],
      [
        'vllm.unified.default',
        '%getitem_1',
        'model.layers.1.self_attn.attn',
        ['%to', null],
        [expect.objectContaining({ kind: 'slice' }), Number.NEGATIVE_INFINITY],
      ],
      ['call_module.layers.0.norm', '%layers_0_weight'],
    ]);
    expect(graph.nodes[2]!.kwargs).toEqual({
      memory_format: { kind: 'enum', type: 'memory_format', value: 'contiguous_format' },
      device: { kind: 'device', value: 'cuda:0' },
    });
    expect(graph.nodes[3]!.kwargs).toMatchObject({
      eps: { kind: 'float', value: 1e-5 },
      s: { kind: 'dim' },
    });
    expect(graph.nodes[1]!.outputs.map((id) => graph.value(id))).toMatchObject([
      { name: 'getitem', source: { kind: 'result', index: 0 } },
      { name: 'getitem_1', source: { kind: 'result', index: 1 } },
    ]);
    // `to` was passed to an op without results and of unknown schema, which may have changed it.
    expect(graph.outputs.map((arg) => show(graph, arg))).toEqual(['%to__attn', '%norm']);
  });

  it('takes an index from the end, and a slice, of the results as a tuple', () => {
    const graph = graphOf(
      text(
        'graph():',
        '    %x : [num_users=2] = placeholder[target=x]',
        '    %y : [num_users=1] = call_function[target=torch.ops.higher_order.auto_functionalized](args = (torch.ops._C.rms_norm.default,), kwargs = {result: %x, input: %x})',
        '    %state : [num_users=1] = call_function[target=operator.getitem](args = (%y, 1), kwargs = {})',
        '    %last : [num_users=1] = call_function[target=operator.getitem](args = (%y, -1), kwargs = {})',
        '    %rest : [num_users=1] = call_function[target=operator.getitem](args = (%y, slice(1, None, None)), kwargs = {})',
        '    return (state, last, rest)',
      ),
    );
    expect(graph.nodes.map((node) => call(graph, node))).toEqual([
      ['_C.rms_norm.default'],
      ['operator.getitem', '%y', -1],
      ['operator.getitem', '%y', expect.objectContaining({ kind: 'slice' })],
    ]);
    expect(graph.outputs.map((arg) => show(graph, arg))).toEqual(['%state', '%last', '%rest']);
  });

  it('reads the op inside auto_functionalized as it is printed, without a prefix', () => {
    const lines = (inner: string): string =>
      text(
        'graph():',
        '    %x : [num_users=1] = placeholder[target=x]',
        '    %q : [num_users=1] = placeholder[target=q]',
        '    %scale : [num_users=1] = placeholder[target=scale]',
        `    %auto_functionalized_2 : [num_users=1] = call_function[target=torch.ops.higher_order.auto_functionalized](args = (${inner},), kwargs = {result: %q, input: %x, scale: %scale})`,
        '    %getitem_5 : [num_users=1] = call_function[target=operator.getitem](args = (%auto_functionalized_2, 1), kwargs = {})',
        '    return (getitem_5,)',
      );
    const graph = graphOf(lines('_C.static_scaled_fp8_quant.default'));
    expect(graph).toEqual(graphOf(lines('torch.ops._C.static_scaled_fp8_quant.default')));
    expect(graph.nodes).toMatchObject([
      { op: '_C.static_scaled_fp8_quant.default', wrapper: 'auto_functionalized' },
    ]);
    expect(graph.value(graph.nodes[0]!.outputs[0]!)).toMatchObject({
      name: 'getitem_5',
      source: { kind: 'write', arg: 'result', via: 'direct' },
    });
  });

  it('reads the op inside auto_functionalized_v2 in the same way', () => {
    const graph = graphOf(
      text(
        'graph():',
        '    %out : [num_users=1] = placeholder[target=out]',
        '    %auto_functionalized_v2_2 : [num_users=1] = call_function[target=torch.ops.higher_order.auto_functionalized_v2](args = (vllm.unified_attention_with_output.default,), kwargs = {layer_name: model.layers.1.self_attn.attn, output_scale: None, _output_base_index: 0, _output_size: (8, 16, 128), _all_bases: [%out]})',
        '    %getitem_1 : [num_users=1] = call_function[target=operator.getitem](args = (%auto_functionalized_v2_2, 1), kwargs = {})',
        '    return (getitem_1,)',
      ),
    );
    expect(graph.nodes).toMatchObject([
      { op: 'vllm.unified_attention_with_output.default', wrapper: 'auto_functionalized_v2' },
    ]);
    expect(graph.value(graph.nodes[0]!.outputs[0]!).source).toMatchObject({ arg: 'output' });
  });

  it.each(['3', '_C', 'a b.c', '[_C.rms_norm.default]'])(
    'refuses %s for the op inside auto_functionalized',
    (inner) => {
      expect(() =>
        parseFx(
          text(
            'graph():',
            '    %x : [num_users=1] = placeholder[target=x]',
            `    %y : [num_users=0] = call_function[target=torch.ops.higher_order.auto_functionalized](args = (${inner},), kwargs = {input: %x})`,
            '    return (x,)',
          ),
        ),
      ).toThrow('higher_order.auto_functionalized must take one op by position');
    },
  );

  it('reads an Inductor fragment, whose other values are inputs', () => {
    const [program] = parseFx(
      text(
        '# Graph fragment:',
        '#   %mm : Tensor "f16[8, 4][4, 1]cuda:0" = PlaceHolder[target=mm]',
        '#   %add : Tensor "f16[8, 4][4, 1]cuda:0"[num_users=1] = call_function[target=torch.ops.aten.add.Tensor](args = (%mm, %other), kwargs = {})',
        '#   return %add,%mm',
      ),
    );
    const { graph, warnings } = program!;
    expect(graph.value(graph.inputs[0]!)).toMatchObject({
      name: 'mm',
      type: { dtype: 'f16', strides: [4, 1], device: 'cuda:0' },
    });
    expect(graph.inputs.map((id) => graph.value(id).name)).toEqual(['mm', 'other']);
    expect(warnings).toEqual([
      expect.stringContaining('line 3: "other" is defined outside of the fragment'),
    ]);
    expect(graph.outputs.map((arg) => show(graph, arg))).toEqual(['%add', '%mm']);
  });

  it.each([
    ['an undefined value', printed.replace('(%w,)', '(%v,)'), 10, 'the value "%v" is used before'],
    ['a name that is defined twice', printed.replace('%to :', '%x :'), 8, 'is defined twice'],
    [
      'a cut line',
      printed.slice(0, printed.indexOf('(%all_reduce, 4') + 14),
      5,
      'the line ends before',
    ],
    [
      'a missing return',
      printed.slice(0, printed.indexOf('    return')),
      10,
      'ends without "return"',
    ],
    ['a line that is no node', printed.replace('    %to :', '    ?to :'), 8, 'expected "%name'],
  ])('%s is refused with its line', (_what, damaged, line, message) => {
    try {
      parseFx(damaged, { source: 'g.txt' });
      expect.unreachable();
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      expect(error.message).toContain(message);
      expect(error.place).toMatchObject({ file: 'g.txt', line });
    }
  });
});

describe('AutoDeploy dumps', () => {
  const dump = text(
    '# Transform: match_rmsnorm_pattern',
    '# Stage: pattern_matcher',
    '# GraphModules found: 1',
    '',
    '='.repeat(80),
    '# GraphModule: (root)',
    '='.repeat(80),
    '',
    '%input_ids : 8xs0 : torch.int64',
    '%embed = aten.embedding.default(%model_embed_tokens_weight : 1000x4096 : torch.bfloat16, %input_ids : 8xs0 : torch.int64) : 8xs0x4096 : torch.bfloat16',
    '%ar = auto_deploy.trtllm_dist_all_reduce.default(%embed : 8xs0x4096 : torch.bfloat16, AUTO) : 8xs0x4096 : torch.bfloat16',
    '%split = aten.split.Tensor(%ar : 8xs0x4096 : torch.bfloat16, 2048, -1) : (8xs0x2048, 8xs0x2048) : (torch.bfloat16, torch.bfloat16)',
    '%g0 = <built-in function getitem>(%split : ? : N/A, 0) : 8xs0x2048 : torch.bfloat16',
    '%sym = aten.sym_size.int(%input_ids : 8xs0 : torch.int64, 1) : ? : SymInt',
    '%cat = aten.cat.default([g0, g0], -1) : 8xMax(1, s0)x4096 : torch.bfloat16',
    'output %cat, %sym',
  );

  it('gives types, results and the parameters that the dump leaves out', () => {
    expect(detectFx(dump)).toBe('auto-deploy');
    const [program] = parseFx(dump);
    const { graph } = program!;
    expect(program!.name).toBe('(root)');
    expect(graph.inputs.map((id) => graph.value(id).name)).toEqual([
      'input_ids',
      'model_embed_tokens_weight',
    ]);
    expect(graph.value(graph.inputs[1]!).type).toEqual({
      kind: 'tensor',
      dtype: 'bf16',
      shape: [1000, 4096],
    });
    expect(graph.nodes.map((node) => call(graph, node))).toEqual([
      ['aten.embedding.default', '%model_embed_tokens_weight', '%input_ids'],
      ['auto_deploy.trtllm_dist_all_reduce.default', '%embed', 'AUTO'],
      ['aten.split.Tensor', '%ar', 2048, -1],
      ['aten.sym_size.int', '%input_ids', 1],
      ['aten.cat.default', ['%g0', '%g0'], -1],
    ]);
    expect(graph.value(graph.nodes[2]!.outputs[0]!)).toMatchObject({
      name: 'g0',
      type: { dtype: 'bf16', shape: [8, { name: 's0' }, 2048] },
      source: { index: 0 },
    });
    expect(graph.nodes[1]!.provenance.line).toBe(11);
  });

  it('refuses a dump without its end, and a damaged line', () => {
    expect(() => parseFx(dump.slice(0, dump.indexOf('output')))).toThrow('ends without "output"');
    expect(() => parseFx(dump.replace('%ar = auto', '%ar auto'))).toThrow(
      /<text>:11:1: the line cannot be read/,
    );
    expect(() => parseFx(dump.replace('%ar = auto', ' %ar = auto'))).toThrow(
      /<text>:11:1: expected "%name …" or "output", found " %ar = auto/,
    );
  });
});
