import { GraphFormatError } from '@arfuse/contract';
import { parseFx } from './fx/index.ts';
import type { ImportedProgram, ImportOptions, ImportResult } from './importer.ts';
import { type OpenedBytes, readAll, type StreamOptions } from './input/byte-source.ts';
import { detect } from './input/detect.ts';
import { decodeText } from './input/text.ts';
import { rankSplit } from './rank-split.ts';

/** Graphs of one text; a log that several ranks wrote into is sorted by rank. */
function readFxText(text: string, stream: StreamOptions, options: ImportOptions): ImportResult {
  const { source, limits } = stream;
  const graphs = parseFx(text, { source, limits, redact: options.redact ?? false });
  const programs = graphs.map(({ name, graph }): ImportedProgram => {
    const { rank } = graph.meta;
    return { name, source, graph, ...(rank === undefined ? {} : { rank }) };
  });
  return {
    ...rankSplit(programs),
    skipped: [],
    warnings: graphs.flatMap(({ warnings }) => warnings),
  };
}

/**
 * Reads one input of any single-file format, told by content.
 * @param path - path of the file, when there is one: archives are then read with random access
 */
export async function readOpened(
  opened: OpenedBytes,
  stream: StreamOptions,
  options: ImportOptions,
  path?: string,
): Promise<ImportResult> {
  const found = detect(opened.head);
  switch (found.kind) {
    case 'other':
      throw new GraphFormatError({
        message: `this is ${found.what}.`,
        hint: found.hint,
        place: { file: stream.source },
      });
    case 'trace': {
      const { readTrace } = await import('./trace/read-trace.ts');
      return readTrace(opened.chunks, stream, options);
    }
    case 'zip': {
      const { readArchive } = await import('./archive/read-archive.ts');
      return readArchive(
        path !== undefined && !opened.gzip ? path : await readAll(opened.chunks),
        stream,
        options,
      );
    }
    case 'json': {
      const { readJson } = await import('./read-json.ts');
      return readJson(decodeText(await readAll(opened.chunks), stream), stream, options);
    }
    case 'text':
      return readFxText(decodeText(await readAll(opened.chunks), stream), stream, options);
  }
}
