const bases = new Map<string, string>();

/** Namespaces whose ops have overloads; elsewhere a dot is part of the qualified name. */
const UNDOTTED = new Set(['operator', 'method', 'torch', 'call_module', 'math', 'getattr', 'raw']);

/** `aten.add.Tensor` → `aten.add`, `vllm.all_reduce` → `vllm.all_reduce`, `torch._C._nn.linear` unchanged. */
export function opBase(op: string): string {
  let base = bases.get(op);
  if (base === undefined) {
    const first = op.indexOf('.');
    const second = first < 0 ? -1 : op.indexOf('.', first + 1);
    base = second < 0 || UNDOTTED.has(op.slice(0, first)) ? op : op.slice(0, second);
    bases.set(op, base);
  }
  return base;
}

/** `aten.add.Tensor` → `aten`. */
export function opNamespace(op: string): string {
  const dot = op.indexOf('.');
  return dot < 0 ? op : op.slice(0, dot);
}
