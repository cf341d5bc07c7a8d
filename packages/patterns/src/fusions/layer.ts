import type { Graph, ValueId } from '@arfuse/graph';
import type { Flow } from '../flow/flow.ts';

/** The parameter's name behind a weight: what the capture states, else read back from a mangled input name. */
export function layerOf(graph: Graph, flow: Flow, weight: ValueId | null): string | undefined {
  if (weight === null) return undefined;
  const { name, node } = graph.value(flow.root(weight));
  const label = graph.meta.labels?.[name];
  if (label !== undefined) return label;
  return node === null ? demangle(name) : undefined;
}

/** `l_self_modules_layers_modules_0_modules_norm_parameters_weight_` → `layers.0.norm.weight`. */
function demangle(name: string): string | undefined {
  if (/^l_(self|stack\d*)_/i.test(name) && name.includes('_parameters_')) {
    const path = name.replace(/^l_[a-z\d]+_(modules_)?/i, '').replace(/_$/, '');
    return path.replaceAll('_modules_', '.').replace('_parameters_', '.');
  }
  if (!name.startsWith('p_')) return undefined;
  return name
    .slice(2)
    .replace(/_(weight|bias|gamma)$/, '.$1')
    .replace(/_(\d+)_/g, '.$1.')
    .replace(/^model_/, 'model.');
}
