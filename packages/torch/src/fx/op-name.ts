const names = new Map<string, string>();

/**
 * Op name of a qualified Python name: `torch.ops.aten.add.Tensor` → `aten.add.Tensor`, `_operator.add` →
 * `operator.add`; anything else keeps its name (`torch.rsqrt`, `torch._C._nn.linear`).
 */
export function opOfQualifiedName(qualified: string): string {
  let name = names.get(qualified);
  if (name === undefined) {
    name = qualified.startsWith('torch.ops.')
      ? qualified.slice(10)
      : qualified.startsWith('_operator.')
        ? qualified.slice(1)
        : qualified;
    names.set(qualified, name);
  }
  return name;
}

/** The Python name of an op, the inverse of {@link opOfQualifiedName}. */
export function qualifiedNameOfOp(op: string): string {
  if (/^(?:torch|operator|math|builtins|fx_pytree|pytree)\./.test(op) || !op.includes('.'))
    return op;
  return `torch.ops.${op}`;
}

/** Binary operators with Python's precedence, longest spelling first. */
export interface BinaryOperator {
  readonly text: string;
  readonly op: string;
  readonly precedence: number;
}

export const COMPARISON = 4;
export const UNARY = 11;
export const POWER = 12;

const binary = (text: string, op: string, precedence: number): BinaryOperator => ({
  text,
  op: `operator.${op}`,
  precedence,
});

const OPERATORS: readonly BinaryOperator[] = [
  binary('**', 'pow', POWER),
  binary('//', 'floordiv', 10),
  binary('<<', 'lshift', 8),
  binary('>>', 'rshift', 8),
  binary('<=', 'le', COMPARISON),
  binary('>=', 'ge', COMPARISON),
  binary('==', 'eq', COMPARISON),
  binary('!=', 'ne', COMPARISON),
  binary('+', 'add', 9),
  binary('-', 'sub', 9),
  binary('*', 'mul', 10),
  binary('/', 'truediv', 10),
  binary('%', 'mod', 10),
  binary('@', 'matmul', 10),
  binary('&', 'and_', 7),
  binary('^', 'xor', 6),
  binary('|', 'or_', 5),
  binary('<', 'lt', COMPARISON),
  binary('>', 'gt', COMPARISON),
];

const byFirst = new Map<number, readonly BinaryOperator[]>();
for (const operator of OPERATORS) {
  const code = operator.text.charCodeAt(0);
  byFirst.set(code, [...(byFirst.get(code) ?? []), operator]);
}

/** The binary operator that stands at `at`, if any; an augmented assignment (`+=`) is none. */
export function binaryOperatorAt(text: string, at: number): BinaryOperator | undefined {
  const candidates = byFirst.get(text.charCodeAt(at));
  if (!candidates) return undefined;
  for (const operator of candidates) {
    if (text.startsWith(operator.text, at)) {
      if (operator.precedence !== COMPARISON && text[at + operator.text.length] === '=')
        return undefined;
      return operator;
    }
  }
  return undefined;
}

/** `+` for `operator.add`, or undefined. */
export function symbolOfOperator(op: string): string | undefined {
  return OPERATORS.find((operator) => operator.op === op)?.text;
}

/** Op of an augmented assignment by the operator before `=`: `+` → `operator.iadd`. */
export function inPlaceOperator(symbol: string): string | undefined {
  const operator = OPERATORS.find(
    (candidate) => candidate.text === symbol && candidate.precedence !== COMPARISON,
  );
  return operator && `operator.i${operator.op.slice('operator.'.length).replace(/_$/, '')}`;
}
