import { GraphFormatError } from '@arfuse/contract';
import { graphFromJson, isGraphJson } from '@arfuse/graph';
import { isExportedProgram, readExportedProgram } from './exported/index.ts';
import type { ImportedProgram, ImportOptions, ImportResult } from './importer.ts';
import type { StreamOptions } from './input/byte-source.ts';
import { describeJson } from './json/json-reader.ts';
import { parseJson } from './json/parse-json.ts';
import { cut } from './quote.ts';

/**
 * Reads a JSON document: an ExportedProgram, or a graph that arfuse has written.
 * @throws GraphFormatError with line and column or JSON pointer
 */
export function readJson(
  text: string,
  stream: StreamOptions,
  options: ImportOptions,
): ImportResult {
  const { source, limits } = stream;
  const document = parseJson(text, { source, maxDepth: limits.maxDepth });
  let program: ImportedProgram;
  if (isExportedProgram(document)) {
    const graph = readExportedProgram(document, {
      source,
      limits,
      redact: options.redact ?? false,
    });
    program = { name: 'model', source, graph };
  } else if (isGraphJson(document)) {
    const graph = graphFromJson(document, { file: source });
    const { name, rank } = graph.meta;
    program = { name: name ?? 'graph', source, graph, ...(rank === undefined ? {} : { rank }) };
  } else {
    const members =
      typeof document === 'object' && document !== null ? Object.keys(document).slice(0, 5) : [];
    throw new GraphFormatError({
      message: `this JSON is ${describeJson(document)}${members.length > 0 ? ` with the members ${members.map((member) => cut(member)).join(', ')}` : ''}, no graph.`,
      hint: 'Expected an ExportedProgram ("graph_module") or a graph that arfuse has written ("format": "arfuse.graph").',
      place: { file: source, pointer: '' },
    });
  }
  return {
    programs: [program],
    otherRanks: [],
    skipped: [],
    warnings: program.graph.meta.warnings ?? [],
  };
}
