import type { Graph, GraphMeta, SymbolInfo } from '@arfuse/graph';
import { DEFAULT_LIMITS, type ImportLimits } from '../importer.ts';
import { JsonReader } from '../json/json-reader.ts';
import { type JsonObject, type JsonValue, parseJson } from '../json/parse-json.ts';
import { cut, quote } from '../quote.ts';
import { readGraphJson } from './read-graph-json.ts';
import { readSchemaVersion } from './schema-version.ts';
import { ProgramContext } from './scope.ts';
import { applySignature } from './signature.ts';

/** Newest minor of schema 8 whose every field is known here. */
const NEWEST_MINOR = 20;

/** How {@link readExportedProgram} reads. */
export interface ExportedProgramOptions {
  /** File or archive member, for errors and `meta.source`. */
  readonly source?: string;
  /** `meta.format`: `exported-program` (the default) or `pt2`. */
  readonly format?: 'exported-program' | 'pt2';
  /** `meta.name`: the model's name within its archive. */
  readonly name?: string;
  readonly redact?: boolean;
  readonly limits?: Partial<ImportLimits>;
}

/** Whether a parsed JSON document looks like an ExportedProgram. */
export function isExportedProgram(value: JsonValue): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.hasOwn(value, 'graph_module')
  );
}

/**
 * Reads the JSON of a `torch.export` ExportedProgram (what `models/NAME.json` of a `.pt2` archive holds), schema 8.x.
 * Fields are found by name; missing and unknown ones are tolerated, unknown kinds of arguments are not.
 * @param input - the text, or a document that {@link parseJson} made
 * @throws GraphFormatError with line and column or JSON pointer
 * @throws UnsupportedError for another major version of the schema
 * @throws LimitError beyond `limits.maxDepth` or `limits.maxNodes`
 */
export function readExportedProgram(
  input: string | JsonValue,
  options: ExportedProgramOptions = {},
): Graph {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { source } = options;
  const document =
    typeof input === 'string'
      ? parseJson(input, { maxDepth: limits.maxDepth, ...(source === undefined ? {} : { source }) })
      : input;
  const reader = new JsonReader(source);
  const context = new ProgramContext(reader, {
    redact: options.redact ?? false,
    maxNodes: limits.maxNodes,
  });
  const program = reader.object(document, 'an ExportedProgram');
  const { major, minor } = readSchemaVersion(reader, program);
  if (minor > NEWEST_MINOR) {
    context.warnings.push(
      `schema ${major}.${minor} is newer than ${major}.${NEWEST_MINOR}, the newest that arfuse knows.`,
    );
  }
  readRanges(context, program.range_constraints);
  const meta: GraphMeta = {
    format: options.format ?? 'exported-program',
    level: 'aten',
    ...(source === undefined ? {} : { source }),
    ...(options.name === undefined ? {} : { name: options.name }),
    producers: {
      ...(typeof program.torch_version === 'string' && program.torch_version !== ''
        ? { torch: program.torch_version }
        : {}),
      schema: `${major}.${minor}`,
    },
  };
  return reader.at('graph_module', () => {
    const module = reader.object(program.graph_module, 'the graph module');
    const graph = reader.at('graph', () => readGraphJson(context, module.graph, meta));
    const signed = reader.at('signature', () => applySignature(context, graph, module.signature));
    return context.warnings.length === 0
      ? signed
      : signed.with({ meta: { ...signed.meta, warnings: context.warnings } });
  });
}

function readRanges(context: ProgramContext, value: JsonValue | undefined): void {
  if (value === undefined || value === null) return;
  const { reader } = context;
  const bound = (range: JsonObject, key: string): SymbolInfo['min'] =>
    range[key] === null || range[key] === undefined ? null : reader.integer(range[key], key);
  reader.at('range_constraints', () => {
    const ranges = reader.object(value, 'the range constraints');
    for (const name of Object.keys(ranges)) {
      reader.at(name, () => {
        const range = reader.object(ranges[name], `the range of ${quote(name)}`);
        const min = bound(range, 'min_val');
        const max = bound(range, 'max_val');
        if (min !== null && max !== null && min > max) {
          reader.fail(`the range of ${quote(name)} is empty: ${cut(`${min} to ${max}`)}.`);
        }
        context.ranges.set(name, { name, min, max });
      });
    }
  });
}
