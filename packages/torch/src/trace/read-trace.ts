import { ArfuseError, GraphFormatError } from '@arfuse/contract';
import { type Equality, type Graph, parseDim, type SymbolInfo, symbolsOf } from '@arfuse/graph';
import { parseFx } from '../fx/index.ts';
import type { ImportedProgram, ImportOptions, ImportResult } from '../importer.ts';
import type { Chunks, StreamOptions } from '../input/byte-source.ts';
import { rankSplit } from '../rank-split.ts';
import { type Compile, TraceCollector } from './collect.ts';
import { rankOfName } from './rank.ts';
import { visitTrace } from './record.ts';
import { type Selected, selectGraphs } from './select.ts';

/** Adds what the log says about the graph's symbols: ranges, hints, and equalities that guards state. */
function withSymbols(graph: Graph, compile: Compile, warnings: string[]): Graph {
  const symbols = new Map<string, SymbolInfo>();
  for (const [name, info] of graph.symbols) {
    const known = compile.symbols.get(name);
    symbols.set(
      name,
      known ? { ...known, ...info, min: info.min ?? known.min, max: info.max ?? known.max } : info,
    );
  }
  const equalities: Equality[] = [...graph.equalities];
  for (const text of compile.equalities) {
    try {
      const dim = parseDim(text);
      if (typeof dim !== 'object' || dim.op !== 'fn' || dim.name !== 'Eq' || dim.args.length !== 2)
        continue;
      if ([...symbolsOf(dim)].every((name) => symbols.has(name)))
        equalities.push({ left: dim.args[0]!, right: dim.args[1]! });
    } catch (error) {
      if (!ArfuseError.isInstance(error)) throw error;
      warnings.push(`a guard cannot be read: ${error.message}`);
    }
  }
  return graph.with({ symbols, equalities });
}

function readSelected(
  one: Selected,
  collector: TraceCollector,
  stream: StreamOptions,
  options: ImportOptions,
): ImportedProgram[] {
  const { record, level, name: recordName, text } = one.candidate;
  const file = stream.source.slice(stream.source.lastIndexOf('/') + 1);
  const rank = one.compile.rank ?? rankOfName(file);
  const graphs = parseFx(text, {
    source: stream.source,
    limits: stream.limits,
    redact: options.redact ?? false,
    lineOffset: record.line,
  });
  if (graphs.length === 0) {
    throw new GraphFormatError({
      message: `the payload of ${recordName} holds no graph.`,
      hint: 'The log is damaged; capture it again.',
      place: { file: stream.source, line: record.line },
    });
  }
  return graphs.map(({ name: className, graph, warnings }) => {
    collector.warnings.push(...warnings);
    const name = graphs.length === 1 ? one.name : `${one.name} ${className}`;
    const described = withSymbols(graph, one.compile, collector.warnings);
    return {
      name,
      source: `${stream.source}:${record.line} ${recordName}`,
      graph: described.with({
        meta: {
          ...described.meta,
          format: 'torch-trace',
          level: level.level,
          name,
          ...(rank === undefined ? {} : { rank }),
          producers: {
            ...described.meta.producers,
            ...(collector.torch ? { torch: collector.torch } : {}),
          },
        },
      }),
      ...(rank === undefined ? {} : { rank }),
    };
  });
}

/**
 * Reads a TORCH_TRACE log as a stream. One program per compile, at the level described at `selectGraphs`;
 * every other record is listed in `skipped` with its reason. A payload whose MD5 differs from its record's is a warning.
 * @throws GraphFormatError when the log is damaged, or holds no graph
 */
export async function readTrace(
  chunks: Chunks,
  stream: StreamOptions,
  options: ImportOptions,
): Promise<ImportResult> {
  const collector = new TraceCollector(stream.source);
  await visitTrace(chunks, stream, collector);
  collector.finish();
  const { selected, skipped } = selectGraphs(collector.compiles, stream.source);
  if (selected.length === 0) {
    throw new GraphFormatError({
      message: 'the trace log holds no graph.',
      hint: 'Nothing was compiled while it was written: run the model with TORCH_TRACE set and caches off.',
      place: { file: stream.source },
    });
  }
  const programs = selected.flatMap((one) => readSelected(one, collector, stream, options));
  return {
    ...(collector.worldSize === undefined ? {} : { rankCountHint: collector.worldSize }),
    ...rankSplit(programs),
    skipped: [...collector.skipped, ...skipped],
    warnings: collector.warnings,
  };
}
