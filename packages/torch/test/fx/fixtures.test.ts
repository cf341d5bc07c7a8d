import { describe, expect, it } from 'vitest';
import { detectFx, notAGraph, parseFx } from '../../src/fx/index.ts';
import { allReduces, call, fixture, fixtureFiles, graphOf, noFixtures } from './helpers.ts';

const title = (text: string): string => (noFixtures ? `${text} (skipped: ${noFixtures})` : text);

describe.skipIf(noFixtures)(title('captured exports as print_readable text'), () => {
  it.each([
    ['graphs/llama3-8b.tp2.fx.txt.gz', 64, 4243, 295],
    ['graphs/qwen3-8b.tp2.fx.txt.gz', 72, 5486, 403],
    ['graphs/deepseek-v2-lite.tp2.fx.txt.gz', 80, 5576, 355],
  ])('%s has %i all-reduces', (path, count, nodes, inputs) => {
    const [program] = parseFx(fixture(path));
    expect(program!.warnings).toEqual([]);
    const { graph } = program!;
    expect(allReduces(graph)).toBe(count);
    expect(graph.nodes).toHaveLength(nodes);
    expect(graph.inputs).toHaveLength(inputs);
    expect(graph.meta).toMatchObject({ format: 'fx-readable', level: 'aten' });
    expect([...graph.symbols.keys()]).toEqual(['s70']);
  });

  it('labels parameters by their module path, and keeps line and comment of a node', () => {
    const { graph } = parseFx(fixture('graphs/llama3-8b.tp2.fx.txt.gz'))[0]!;
    expect(graph.meta.labels?.p_model_layers_0_self_attn_q_proj_weight).toBe(
      'model.layers.0.self_attn.q_proj.weight',
    );
    expect(graph.nodeByName('embedding')?.provenance).toMatchObject({
      line: 7,
      stack: expect.stringContaining('sparse.py:189 in forward'),
    });
    expect(graph.nodeByName('sym_size_int_523')?.provenance.stack).toBeUndefined();
  });
});

describe.skipIf(noFixtures)(title('one compiled run in four spellings'), () => {
  const folder = 'fx/llama-tiny-gloo/rank0.post_grad';

  it.each(['print_readable.txt', 'python_code.txt', 'graph_str.txt'])(
    '%s has 251 calls and 4 all-reduces',
    (suffix) => {
      const graph = graphOf(fixture(`${folder}.${suffix}`));
      expect(graph.nodes).toHaveLength(251);
      expect(graph.inputs).toHaveLength(24);
      expect(allReduces(graph)).toBe(4);
      expect(graph.meta.level).toBe('post_grad');
    },
  );

  it('reads the same calls from print_readable and print(graph)', () => {
    const readable = graphOf(fixture(`${folder}.print_readable.txt`));
    const printed = graphOf(fixture(`${folder}.graph_str.txt`));
    const calls = (graph: typeof readable): string[] =>
      graph.nodes.map((node) =>
        JSON.stringify(
          [
            node.name,
            node.op,
            node.args,
            node.kwargs,
            node.outputs.map((id) => graph.value(id).name),
          ],
          (_key, value) => (typeof value === 'bigint' ? `${value}n` : value),
        ),
      );
    expect(calls(printed)).toEqual(calls(readable));
  });
});

describe.skipIf(noFixtures)(title('vLLM captures'), () => {
  const expected: Record<string, { all_reduce: number; fused_ops: number }> = noFixtures
    ? {}
    : JSON.parse(fixture('vllm/expected.json'));

  // The file also counts calls in Inductor's output code and in pattern listings.
  const graphs = Object.keys(expected).filter(
    (path) => notAGraph(fixture(`vllm/${path}`)) === null,
  );

  it('covers the graphs of expected.json', () => {
    expect(graphs.length).toBeGreaterThan(50);
  });

  it.each(graphs)('%s has the all-reduces that expected.json counts', (path) => {
    const programs = parseFx(fixture(`vllm/${path}`));
    expect(programs.flatMap(({ warnings }) => warnings)).toEqual([]);
    expect(programs.reduce((sum, { graph }) => sum + allReduces(graph), 0)).toBe(
      expected[path]!.all_reduce,
    );
    const fused = programs.flatMap(({ graph }) =>
      graph.nodes.filter((node) => node.op.startsWith('vllm.flashinfer_trtllm_fused')),
    );
    expect(fused).toHaveLength(expected[path]!.fused_ops);
    for (const { graph } of programs) {
      const again = graph.with({});
      for (const { id } of graph.values) expect(graph.users(id)).toEqual(again.users(id));
    }
  });

  it('inlines the pieces of a compile cache, so that the residual is one value', () => {
    const graph = graphOf(
      fixture(
        'vllm/v0.32.0-llama-ir/torch_compile_cache/77d4499681/rank_0_0/backbone/computation_graph.py.gz',
      ),
    );
    expect(graph.meta.level).toBe('dynamo');
    const norms = graph.nodes.filter((node) => node.op.startsWith('vllm_ir.fused_add_rms_norm'));
    expect(norms).toHaveLength(6);
    expect(norms[0]!.provenance.path).toBe('submod_2');
    // The residual of the first fused norm is the embedding's all-reduce in the piece before.
    const residual = norms[0]!.args[1]!;
    expect(residual.kind === 'value' && graph.producer(residual.id)).toMatchObject({
      name: 'submod_0_view',
      op: 'method.view',
    });
    expect(
      graph.meta.labels?.L_self_modules_layers_modules_1_modules_input_layernorm_parameters_weight_,
    ).toBe('layers.1.input_layernorm.weight');
  });

  it('gives in-place ops their SSA meaning across pieces (0.11, custom ops)', () => {
    const graph = graphOf(
      fixture(
        'vllm/v0.11.0-llama-customop/torch_compile_cache/b5214685d4/rank_0_0/backbone/computation_graph.py.gz',
      ),
    );
    const norms = graph.nodes.filter((node) => node.op === '_C.fused_add_rms_norm');
    expect(norms).toHaveLength(6);
    const [, second] = norms;
    const residual = second!.args[1]!;
    expect(residual.kind === 'value' && graph.value(residual.id).source).toMatchObject({
      kind: 'write',
    });
    expect(residual.kind === 'value' && graph.producer(residual.id)).toBe(norms[0]);
  });

  it('takes the functionalising wrapper off', () => {
    const graph = graphOf(
      fixture(
        'vllm/v0.32.0-llama-ir-fused/dump/rank_0_dp_0/__compiled_fn_1.post_grad.1.AllReduceFusionPass.after.0.py.gz',
      ),
    );
    const node = graph.nodes.find((candidate) => candidate.wrapper);
    expect(node).toMatchObject({
      op: 'vllm.flashinfer_trtllm_fused_allreduce_norm.default',
      wrapper: 'auto_functionalized',
      args: [],
    });
    expect(node!.kwargs.world_size).toEqual({ kind: 'int', value: 2 });
    expect(node!.outputs.map((id) => graph.value(id).name)).toEqual(['getitem_9', 'getitem_10']);
  });
});

describe.skipIf(noFixtures)(title('SGLang, Megatron and trace payloads'), () => {
  it.each([
    ['fx/sglang-dynamo/gpt-oss-20b/rank0_14.py', 3, 0, 'dynamo'],
    ['fx/sglang-dynamo/gpt-oss-20b/rank0_71.py', 3, 1, 'dynamo'],
    ['fx/sglang-dynamo/gpt-oss-20b/rank0_74.py', 12, 0, 'dynamo'],
    ['fx/sglang-dynamo/Qwen3-0.6B/rank0_0.py', 19, 1, 'dynamo'],
    ['fx/sglang-dynamo/Qwen3-0.6B/rank0_9.py', 21, 2, 'dynamo'],
    ['fx/entangle-megatron-gpt/paral2_layer1.fw.g0.r0.py', 147, 4, 'aten'],
    ['fx/entangle-megatron-gpt/bug_missing_allreduce.tp2.both.g0.r0.py', 388, 10, 'aten'],
    ['fx/vllm-qwen2-tp/paral1_layer1.fw.g0.r0.py', 35, 0, 'aten'],
    ['fx/vllm-qwen2-tp/paral2_layer1.fw.g0.r0.py', 53, 3, 'aten'],
    ['fx/torch-trace/rank0.f0.1.dynamo_output_graph.txt', 16, 1, 'dynamo'],
    ['fx/torch-trace/rank0.f0.1.aot_inference_graph.txt', 30, 1, 'aten'],
    ['fx/torch-trace/rank0.f0.1.after_post_grad_graph.txt', 28, 1, 'post_grad'],
    ['fx/torch-trace/rank0.f0.1.fx_graph_runnable.txt', 29, 1, 'aten'],
  ])('%s: %i nodes, %i all-reduces, level %s', (path, nodes, count, level) => {
    const graph = graphOf(fixture(path));
    expect(graph.nodes).toHaveLength(nodes);
    expect(allReduces(graph)).toBe(count);
    expect(graph.meta.level).toBe(level);
  });

  it('imports a body that is printed twice once, and passes the changed tensor on', () => {
    const graph = graphOf(fixture('fx/sglang-dynamo/Qwen3-0.6B/rank0_9.py'));
    const [first] = graph.nodes.filter((node) => node.op === 'sglang.inplace_all_reduce');
    const cast = graph.nodeByName('thunder_1_x');
    expect(call(graph, cast)).toEqual([
      'method.to',
      `%${graph.written(first!, 0)!.name}`,
      { kind: 'dtype', value: 'f32' },
    ]);
  });

  it('takes types of a repro script from load_args', () => {
    const graph = graphOf(fixture('fx/torch-trace/rank0.f0.1.fx_graph_runnable.txt'));
    expect(graph.meta.format).toBe('fx-runnable');
    expect(graph.value(graph.inputs[5]!).type).toEqual({
      kind: 'tensor',
      dtype: 'f16',
      shape: [2048, 1024],
      device: 'cuda:0',
    });
  });

  it('reads the inputs of pytree code from the annotations above it', () => {
    const graph = graphOf(
      fixture('fx/entangle-megatron-gpt/bug_missing_allreduce.tp2.both.g0.r0.py'),
    );
    expect(graph.value(graph.inputs[0]!)).toMatchObject({
      name: 'primals_1',
      type: { dtype: 'i64', shape: [32, 1024] },
    });
    expect(graph.outputs).toHaveLength(49);
    expect(
      graph.nodes.filter((node) => node.wrapper === 'auto_functionalized_v2').length,
    ).toBeGreaterThan(10);
  });
});

describe.skipIf(noFixtures)(title('what is no graph'), () => {
  it.each([
    [
      'vllm/v0.32.0-llama-ir-fused/dump/rank_0_dp_0/patterns.AllReduceFusionPass.0.py.gz',
      'patterns',
    ],
    ['vllm/v0.32.0-llama-ir/dump/rank_0_dp_0/__compiled_fn_1.kernel_1.py.gz', 'Inductor generated'],
    ['fx/torch-trace/rank0.f0.1.inductor_output_code.txt', 'Inductor generated'],
    ['fx/torch-trace/rank0.f0.1.aot_forward_graph_fw_metadata.txt', 'ViewAndMutationMeta'],
  ])('%s is refused with the reason', (path, reason) => {
    const text = fixture(path);
    expect(detectFx(text)).toBeNull();
    expect(notAGraph(text)).toContain(reason);
    expect(() => parseFx(text)).toThrow(reason);
  });

  it('reads every other dump of the folders without a warning', () => {
    const files = ['fx', 'graphs', 'vllm']
      .flatMap(fixtureFiles)
      .filter((path) => /\.(?:py|txt)(?:\.gz)?$/.test(path));
    const graphs = files
      .map((path) => [path, fixture(path)] as const)
      .filter(([, text]) => notAGraph(text) === null);
    expect(graphs).toHaveLength(86);
    for (const [path, text] of graphs) {
      expect(
        parseFx(text, { source: path }).flatMap(({ warnings }) => warnings),
        path,
      ).toEqual([]);
    }
  });
});
