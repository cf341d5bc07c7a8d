/**
 * Whether a call without annotation, whose name nobody reads, may be a call for its effect. Operators, attribute
 * reads, plain methods and the functions of `torch` and `torch.nn.functional` compute a value even when it is dropped.
 */
export function mayReturnNothing(op: string): boolean {
  if (op.startsWith('operator.')) return op === 'operator.setitem';
  if (op.startsWith('getattr.') || op.startsWith('math.')) return false;
  if (op.startsWith('method.')) return op.endsWith('_') && !op.endsWith('__');
  if (op.startsWith('torch.nn.functional.') || op.startsWith('torch._C._nn.')) return false;
  // Checks that torch.export adds: they read their arguments.
  if (op.startsWith('call_module.')) return !op.endsWith('_guards_fn');
  if (op.startsWith('torch.'))
    return op.split('.').length > 2 && !op.startsWith('torch._C._autograd.');
  return true;
}
