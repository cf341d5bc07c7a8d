import { describe, expect, it } from 'vitest';
import { readExportedProgram } from '../../src/exported/index.ts';
import { ABSENT, plain } from '../fixtures.ts';

const MODELS = [
  // max: the largest token count in range_constraints.
  { model: 'llama3-8b', allReduces: 64, layers: 32, max: null },
  { model: 'qwen3-8b', allReduces: 72, layers: 36, max: null },
  { model: 'deepseek-v2-lite', allReduces: 80, layers: 27, max: 8192 },
];

const json = (model: string): string =>
  plain(`graphs/${model}.tp2.exported_program.json.gz`).toString();

describe.skipIf(ABSENT)(`real ExportedPrograms ${ABSENT || ''}`, () => {
  it.each(MODELS)('$model', ({ model, allReduces, layers, max }) => {
    const graph = readExportedProgram(json(model), { source: 'm.json' });
    expect(graph.meta).toMatchObject({
      format: 'exported-program',
      level: 'aten',
      producers: { torch: '2.11.0+cu130', schema: '8.17' },
    });
    const reduces = graph.nodesOf('_c10d_functional.all_reduce');
    expect(reduces).toHaveLength(allReduces);
    for (const node of reduces) {
      expect(node.op).toBe('_c10d_functional.all_reduce.default');
      expect(node.args.slice(1)).toEqual([
        { kind: 'string', value: 'sum' },
        { kind: 'string', value: '0' },
      ]);
    }
    expect(Object.values(graph.meta.labels!)).toContain(
      `model.layers.${layers - 1}.input_layernorm.weight`,
    );
    const [symbol] = [...graph.symbols.values()];
    expect(symbol).toEqual({ name: 's70', min: 2, max, hint: 16 });
    // Every value has a type, and every node knows its module and its place.
    expect(
      graph.values.filter((value) => value.type === null && value.source.kind !== 'write'),
    ).toEqual([]);
    expect(reduces[0]!.provenance.module).toMatch(/^model\.layers\.0\./);
    expect(reduces[0]!.provenance.pointer).toMatch(/^\/graph_module\/graph\/nodes\/\d+$/);
    expect(reduces[0]!.provenance.stack).toMatch(/^File: \S+:\d+ in /);
  });

  it('redacts stacks', () => {
    const graph = readExportedProgram(json('llama3-8b'), { redact: true });
    expect(graph.nodes.filter((node) => node.provenance.stack !== undefined)).toEqual([]);
  });

  it('holds less than 60 bytes of heap per byte of input', () => {
    const text = json('deepseek-v2-lite');
    (globalThis as { gc?: () => void }).gc?.();
    const before = process.memoryUsage().heapUsed;
    const graph = readExportedProgram(text);
    const used = process.memoryUsage().heapUsed - before;
    expect(graph.nodes.length).toBeGreaterThan(2000);
    expect(used / text.length).toBeLessThan(60);
  });
});
