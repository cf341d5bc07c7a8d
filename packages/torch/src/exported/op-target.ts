/**
 * The op name of a serialised target, spelled as in FX text: `torch.ops.aten.add.Tensor` → `aten.add.Tensor`,
 * `torch.ops.higher_order.cond` → `higher_order.cond`, `_operator.mul` → `operator.mul`,
 * `#acme:op` (a registered extension) → `acme.op`.
 */
export function opOfTarget(target: string): string {
  if (target.startsWith('torch.ops.')) return target.slice('torch.ops.'.length);
  if (target.startsWith('_operator.')) return target.slice(1);
  if (target.startsWith('#')) return target.slice(1).replace(':', '.');
  return target;
}
