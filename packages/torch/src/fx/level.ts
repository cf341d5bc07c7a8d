import type { GraphLevel, NodeSpec } from '@arfuse/graph';

/** Functions of `torch` that symbolic shapes leave at every level. */
const SHAPE_ARITHMETIC =
  /^torch\.(?:sym_|_check|_assert)|^torch\.(?:fx|utils|_higher_order_ops)\.|^math\./;

/** Decides the level of a capture from the ops that it holds. */
export class LevelDetector {
  readonly #ops = new Set<string>();
  #operatorOnTensor = false;
  #effect = false;

  /** One call; operators on symbolic scalars occur at every level. */
  see(op: string, results: NodeSpec['results']): void {
    if (op.startsWith('operator.')) {
      if (results.kind === 'one' && results.type?.kind === 'tensor') this.#operatorOnTensor = true;
      else if (results.kind === 'none' || (results.kind === 'one' && results.type === null))
        this.#ops.add('operator');
      return;
    }
    this.#ops.add(op);
    if (
      results.kind === 'none' &&
      !/^(?:aten|prims|inductor|higher_order|c10d_functional)\./.test(op)
    )
      this.#effect = true;
  }

  /** Dynamo's Python-level ops win; then vLLM's IR; then what only Inductor's post-grad passes leave. */
  level(banner: string | undefined): GraphLevel {
    const ops = [...this.#ops];
    const some = (test: (op: string) => boolean): boolean => ops.some(test);
    if (
      this.#operatorOnTensor ||
      some(
        (op) =>
          op.startsWith('method.') ||
          op.startsWith('getattr.') ||
          (op.startsWith('torch.') && !SHAPE_ARITHMETIC.test(op)),
      )
    ) {
      return 'dynamo';
    }
    if (some((op) => op.startsWith('vllm_ir.'))) return 'vllm';
    if (banner && /post.?grad/i.test(banner)) return /before/i.test(banner) ? 'aten' : 'post_grad';
    if (some((op) => op.startsWith('_c10d_functional.') && /_\.default$|_$/.test(op)))
      return 'post_grad';
    const aten = some((op) => op.startsWith('aten.') || op.startsWith('prims.'));
    // Inductor's post-grad passes write every view as a reshape.
    if (aten && this.#ops.has('aten.reshape.default') && !this.#ops.has('aten.view.default'))
      return 'post_grad';
    // Before those passes a custom op that changes its arguments stands inside `auto_functionalized`.
    if (aten && this.#effect) return 'post_grad';
    if (aten || some((op) => op.startsWith('_c10d_functional.'))) return 'aten';
    // Only packets without an overload: Dynamo prints `torch.ops.vllm.all_reduce(…)`.
    return some((op) => op === 'operator' || op.split('.').length === 2) ? 'dynamo' : 'unknown';
  }
}
