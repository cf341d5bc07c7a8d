/** A small ExportedProgram of schema 8.20: `neg`, and an all-reduce with its wait. */
export function smallProgram(
  change: (program: Record<string, unknown>) => void = () => {},
): string {
  const t = (name: string) => ({ as_tensor: { name } });
  const arg = (name: string, value: unknown) => ({ name, arg: value, kind: 1 });
  const tensor = {
    dtype: 13,
    sizes: [{ as_int: 8 }, { as_int: 64 }],
    strides: [{ as_int: 64 }, { as_int: 1 }],
    device: { type: 'cpu', index: null },
  };
  const metadata = {
    stack_trace: 'File "/home/alice/model.py", line 7, in forward\n    return -x',
    nn_module_stack: 'L,mlp,torch.nn.Module',
  };
  const program = {
    graph_module: {
      graph: {
        inputs: [t('x')],
        outputs: [t('wait')],
        nodes: [
          {
            target: 'torch.ops.aten.neg.default',
            inputs: [arg('self', t('x'))],
            outputs: [t('neg')],
            metadata,
          },
          {
            target: 'torch.ops._c10d_functional.all_reduce.default',
            inputs: [
              arg('input', t('neg')),
              arg('reduce_op', { as_string: 'sum' }),
              arg('group_name', { as_string: '0' }),
            ],
            outputs: [t('all_reduce')],
            metadata,
          },
          {
            target: 'torch.ops._c10d_functional.wait_tensor.default',
            inputs: [arg('tensor', t('all_reduce'))],
            outputs: [t('wait')],
            metadata,
          },
        ],
        tensor_values: { x: tensor, neg: tensor, all_reduce: tensor, wait: tensor },
      },
      signature: {
        input_specs: [{ user_input: { arg: t('x') } }],
        output_specs: [{ user_output: { arg: t('wait') } }],
      },
    },
    range_constraints: {},
    schema_version: { major: 8, minor: 20 },
    torch_version: '2.15.0',
  };
  change(program);
  return JSON.stringify(program);
}

/** A small FX graph at ATen level, as `print_readable` writes it. */
export const SMALL_FX = `class GraphModule(torch.nn.Module):
    def forward(self, arg0_1: "bf16[8, 64]", arg1_1: "bf16[8, 64]"):
        # File: /home/alice/model.py:7 in forward, code: x = reduce(x)
        all_reduce: "bf16[8, 64]" = torch.ops._c10d_functional.all_reduce.default(arg0_1, 'sum', '0');  arg0_1 = None
        wait_tensor: "bf16[8, 64]" = torch.ops._c10d_functional.wait_tensor.default(all_reduce);  all_reduce = None
        add: "bf16[8, 64]" = torch.ops.aten.add.Tensor(wait_tensor, arg1_1);  wait_tensor = arg1_1 = None
        return (add,)
`;
