import { GraphFormatError, LimitError } from '@arfuse/contract';
import { DEFAULT_LIMITS, type ImportLimits } from '../importer.ts';
import { DimCache } from './annotation.ts';
import { readAutoDeploy } from './auto-deploy.ts';
import { detectFx, type FxFormat, notAGraph } from './detect.ts';
import { readGraphText } from './graph-text.ts';
import { cleanText } from './log-prefix.ts';
import type { FxContext } from './program.ts';
import { type FxGraph, globalNames, readReadable } from './readable.ts';
import { readRunnable } from './runnable.ts';
import { type FxSource, placeAt } from './source.ts';

export { detectFx, type FxFormat, notAGraph } from './detect.ts';
export { demangle } from './names.ts';
export { printFx } from './print.ts';
export type { FxGraph } from './readable.ts';

/** How {@link parseFx} reads. */
export interface FxOptions {
  /** Name of the input for errors and provenance. */
  readonly source?: string;
  readonly limits?: Partial<ImportLimits>;
  /** Drops the `# File:` comments of the nodes. */
  readonly redact?: boolean;
  /** Lines before this text in the source; added to every line number. */
  readonly lineOffset?: number;
}

const READERS: Readonly<Record<FxFormat, (context: FxContext) => FxGraph[]>> = {
  'fx-readable': (context) => readReadable(context, 'fx-readable'),
  'fx-runnable': readRunnable,
  'fx-graph': readGraphText,
  'auto-deploy': readAutoDeploy,
};

/**
 * Reads every graph of a text in one of PyTorch's text formats: `print_readable` and `python_code` (with sub-modules,
 * which become part of one flat graph), `print(graph)`, TensorRT-LLM AutoDeploy dumps, and repro scripts. Log prefixes
 * and colours are taken off.
 * @throws GraphFormatError with line and column when the text is damaged or holds no graph
 * @throws GraphError when a graph contradicts itself
 * @throws LimitError beyond `limits`
 */
export function parseFx(text: string, options: FxOptions = {}): FxGraph[] {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const whole: FxSource = { text, file: options.source, lineOffset: options.lineOffset ?? 0 };
  const place = placeAt(whole, 0);
  if (text.length > limits.maxBytes) {
    throw new LimitError({
      message: `the text has ${text.length} characters; the limit is ${limits.maxBytes}.`,
      hint: 'Raise limits.maxBytes if the file is to be trusted.',
      place,
    });
  }
  const reason = notAGraph(text);
  if (reason !== null) {
    throw new GraphFormatError({
      message: `this text is not imported: ${reason}.`,
      hint: 'Give a graph: print_readable text, print(graph) text, or a TORCH_TRACE log.',
      place,
    });
  }
  const dims = new DimCache();
  const graphs = cleanText(whole).flatMap((source): FxGraph[] => {
    const format = detectFx(source.text);
    if (format === null) return [];
    const globals = globalNames(source.text);
    return READERS[format]({ source, limits, redact: options.redact ?? false, dims, globals });
  });
  if (graphs.length === 0) {
    throw new GraphFormatError({
      message:
        text.trim() === ''
          ? 'the text is empty.'
          : text.includes('\0')
            ? 'the input is binary, not text.'
            : 'no graph was found in the text.',
      hint: 'Expected a class with "def forward(…)", "graph():", or an AutoDeploy dump; see docs/architecture.md for the formats.',
      place,
    });
  }
  return graphs;
}
