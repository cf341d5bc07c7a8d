import type { Arg, Graph, GraphMeta, ValueId } from '@arfuse/graph';
import type { JsonObject, JsonValue } from '../json/parse-json.ts';
import { quote } from '../quote.ts';
import { type ProgramContext, readUnion } from './scope.ts';

const LABEL_KEYS: Readonly<Record<string, string>> = {
  parameter: 'parameter_name',
  buffer: 'buffer_name',
  tensor_constant: 'tensor_constant_name',
  custom_obj: 'custom_obj_name',
};

/** Keys that name the input which an output overwrites. */
const MUTATIONS: Readonly<Record<string, string>> = {
  buffer_mutation: 'buffer_name',
  parameter_mutation: 'parameter_name',
  user_input_mutation: 'user_input_name',
};

/** Fully qualified parameter and buffer names by value name. */
function inputLabels(
  context: ProgramContext,
  specs: JsonValue | undefined,
  inputs: ReadonlyMap<string, ValueId>,
): Record<string, string> {
  const { reader } = context;
  const labels: Record<string, string> = {};
  reader.each(specs, 'the input specs', (item) => {
    const { tag, value } = readUnion(reader, item, 'an input spec');
    const key = Object.hasOwn(LABEL_KEYS, tag) ? LABEL_KEYS[tag] : undefined;
    if (key === undefined) return;
    reader.at(tag, () => {
      const spec = reader.object(value, 'an input spec');
      const arg = reader.object(spec.arg, 'the argument of an input spec');
      const name = reader.string(arg.name, 'the name of an input');
      if (!inputs.has(name))
        reader.fail(`the signature names ${quote(name)}, which is no input of the graph.`);
      labels[name] = reader.string(spec[key], key);
    });
  });
  return labels;
}

/** One entry per output: the name of the input that it overwrites, or null for a result. */
function overwrittenInputs(
  context: ProgramContext,
  specs: JsonValue | undefined,
  labels: Readonly<Record<string, string>>,
): (string | null)[] {
  const { reader } = context;
  const byLabel = new Map(Object.entries(labels).map(([name, label]) => [label, name]));
  return reader.each(specs, 'the output specs', (item) => {
    const { tag, value } = readUnion(reader, item, 'an output spec');
    const key = Object.hasOwn(MUTATIONS, tag) ? MUTATIONS[tag] : undefined;
    if (key === undefined) return null;
    return reader.at(tag, () => {
      const spec: JsonObject = reader.object(value, 'an output spec');
      const target = reader.string(spec[key], key);
      const name = tag === 'user_input_mutation' ? target : byLabel.get(target);
      return (
        name ??
        reader.fail(`the output overwrites ${quote(target)}, which is no input of the program.`)
      );
    });
  });
}

/**
 * Applies a `GraphSignature`: labels inputs with their parameter names, and turns outputs that overwrite an input
 * into writes of that input.
 */
export function applySignature(
  context: ProgramContext,
  graph: Graph,
  signature: JsonValue | undefined,
): Graph {
  const { reader } = context;
  const object = reader.object(signature, 'the signature');
  const inputs = new Map(graph.inputs.map((id) => [graph.value(id).name, id]));
  const labels = reader.at('input_specs', () => inputLabels(context, object.input_specs, inputs));
  const overwritten = reader.at('output_specs', () =>
    overwrittenInputs(context, object.output_specs, labels),
  );
  if (overwritten.length !== graph.outputs.length) {
    reader.fail(
      `the signature lists ${overwritten.length} outputs, the graph has ${graph.outputs.length}.`,
    );
  }
  const writes = new Map<ValueId, ValueId>(
    graph.inputWrites.map(({ input, value }) => [input, value]),
  );
  const outputs: Arg[] = [];
  graph.outputs.forEach((output, index) => {
    const name = overwritten[index];
    if (name === null || name === undefined) {
      outputs.push(output);
      return;
    }
    const input = inputs.get(name);
    if (input === undefined || output.kind !== 'value') {
      reader.at('output_specs', () =>
        reader.at(index, () =>
          reader.fail(`the output overwrites ${quote(name)}, which is no tensor input.`),
        ),
      );
    } else if (output.id !== input) writes.set(input, output.id);
  });
  const meta: GraphMeta = Object.keys(labels).length > 0 ? { ...graph.meta, labels } : graph.meta;
  return graph.with({
    meta,
    outputs,
    inputWrites: [...writes].map(([input, value]) => ({ input, value })),
  });
}
