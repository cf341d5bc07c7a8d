import type { Graph } from '@arfuse/graph';
import { parseFx } from '@arfuse/torch';
import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { onlySite } from './chains.ts';

function printed(...lines: string[]): Graph {
  const text = [
    'class GraphModule(torch.nn.Module):',
    '    def forward(self, x: "bf16[s72, 256]", r: "bf16[s72, 256]", w: "bf16[256]"):',
    ...lines.map((line) => `        ${line}`),
    '',
  ].join('\n');
  return parseFx(text)[0]!.graph;
}

const REDUCED = `a: "bf16[s72, 256]" = torch.ops.vllm.all_reduce(x, group_name = 'tp:0');  x = None`;
const BUFFERS = [
  'q: "f8e4m3fn[s72, 256]" = torch.empty((1, 256), dtype = torch.float8_e4m3fn)',
  's: "f32[s72, 2]" = torch.empty((1, 2), dtype = torch.float32)',
];
const WHY =
  'of the captured process, which looks like a per-token-group FP8 quantiser by the names of its arguments; the graph holds neither its code nor its constants, so what it computes is not known.';

/** As SGLang's block FP8 quantiser is captured. */
const quantiser = (from: string): string =>
  `triton_kernel_wrapper_mutation = torch.ops.higher_order.triton_kernel_wrapper_mutation(kernel_idx = 6, constant_args_idx = 5, grid = [(2, 1, 1)], tma_descriptor_metadata = {}, kwargs = {'y_ptr': ${from}, 'y_q_ptr': q, 'y_s_ptr': s});  triton_kernel_wrapper_mutation = None`;

describe('a Triton kernel that the graph names by its number', () => {
  it('is no quantiser: the chain ends before it, and it is said why', () => {
    const graph = printed(
      REDUCED,
      'y: "bf16[s72, 256]" = torch.ops.vllm_ir.rms_norm(a, w, 1e-05)',
      ...BUFFERS,
      quantiser('y'),
      'return (q, s)',
    );
    const site = onlySite(graph);
    expect(site.pattern).toBe('ar_rms');
    expect(site.outputs.map(({ output }) => output)).toEqual(['norm']);
    expect(findSites(graph).opaque).toEqual([
      {
        node: graph.nodes.find(({ op }) => op.startsWith('higher_order.'))!.id,
        reason: `\`triton_kernel_wrapper_mutation\` (higher_order.triton_kernel_wrapper_mutation) runs Triton kernel 6 with constants 5 ${WHY}`,
      },
    ]);
  });

  it('is the reason of a miss where it reads the reduced value', () => {
    const graph = printed(REDUCED, ...BUFFERS, quantiser('a'), 'return (q, s)');
    const { sites, misses } = findSites(graph);
    expect(sites).toEqual([]);
    expect(misses.map(({ node, reason, phase }) => [phase, graph.node(node).op, reason])).toEqual([
      [
        'structure',
        'higher_order.triton_kernel_wrapper_mutation',
        `\`triton_kernel_wrapper_mutation\` (higher_order.triton_kernel_wrapper_mutation) runs Triton kernel 6 with constants 5 ${WHY}`,
      ],
    ]);
  });

  it('is the reason of a miss after the addition, in the functional form, too', () => {
    const graph = printed(
      REDUCED,
      't: "bf16[s72, 256]" = a + r;  a = r = None',
      'o: "bf16[s72, 256]" = torch.empty_like(t)',
      "triton_kernel_wrapper_functional_proxy = torch.ops.higher_order.triton_kernel_wrapper_functional(kernel_idx = 0, constant_args_idx = 27, grid = [(256, 1, 1)], tma_descriptor_metadata = {}, kwargs = {'x': t, 'w': w, 'y': o}, tensors_to_clone = ['y']);  t = o = None",
      `y: "bf16[s72, 256]" = triton_kernel_wrapper_functional_proxy['y'];  triton_kernel_wrapper_functional_proxy = None`,
      'return (y,)',
    );
    const { misses, opaque } = findSites(graph);
    expect(misses.map(({ reason }) => reason)).toEqual([
      'After all_reduce → residual, `triton_kernel_wrapper_functional_proxy` (higher_order.triton_kernel_wrapper_functional) runs Triton kernel 0 with constants 27 of the captured process; the graph holds neither its code nor its constants, so what it computes is not known.',
    ]);
    expect(opaque).toEqual([]);
  });

  it('does not look like a quantiser without FP8 elements', () => {
    const graph = printed(
      REDUCED,
      'q: "bf16[s72, 256]" = torch.empty_like(a)',
      's: "f32[s72, 2]" = torch.empty((1, 2), dtype = torch.float32)',
      quantiser('a'),
      'return (q, s)',
    );
    const { misses, opaque } = findSites(graph);
    expect(misses[0]!.reason).not.toContain('quantiser');
    expect(opaque).toEqual([]);
  });

  it('leaves a chain alone that only shares its tensors', () => {
    const graph = printed(
      REDUCED,
      'y: "bf16[s72, 256]" = torch.ops.vllm_ir.rms_norm(a, w, 1e-05)',
      ...BUFFERS,
      quantiser('a'),
      'return (y, q)',
    );
    expect(onlySite(graph).outputs.map(({ output }) => output)).toEqual(['all_reduce', 'norm']);
  });
});
