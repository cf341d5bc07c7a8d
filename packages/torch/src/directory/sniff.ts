import { detectFx, notAGraph } from '../fx/index.ts';
import { fileChunks, openBytes, type StreamOptions } from '../input/byte-source.ts';
import { detect } from '../input/detect.ts';

/** What a file of a directory holds, by its beginning. */
export type Sniffed =
  | { readonly kind: 'graph' | 'trace' }
  | { readonly kind: 'skip'; readonly reason: string };

const skip = (reason: string): Sniffed => ({ kind: 'skip', reason });

/** Further listings and kernels that engines write beside graphs, by what stands in them. */
const BESIDE: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [
    /\bMultiOutputPattern\(|= CallFunction\(/,
    'it lists patterns of a pattern matcher, not a graph',
  ],
  [/^from torch\._inductor\.|^import triton\b/m, 'it is generated kernel code, not a graph'],
];

/**
 * Looks at the beginning of a file. Damaged gzip data are an error: what they held cannot be told.
 * @throws GraphFormatError, LimitError, IoError
 */
export async function sniff(path: string, stream: StreamOptions): Promise<Sniffed> {
  const { head, close } = await openBytes(fileChunks(path), stream);
  await close();
  const found = detect(head);
  if (found.kind === 'other') return skip(`it is ${found.what}`);
  if (found.kind === 'trace') return { kind: 'trace' };
  if (found.kind === 'zip') return { kind: 'graph' };
  const text = head.toString('utf8');
  if (found.kind === 'json') {
    return isGraphJson(text) ? { kind: 'graph' } : skip('it is JSON without a graph');
  }
  const reason = notAGraph(text);
  if (reason !== null) return skip(reason);
  const format = detectFx(text);
  if (format === 'fx-runnable') return skip('it is a repro script without types');
  if (format !== null) return { kind: 'graph' };
  return skip(BESIDE.find(([pattern]) => pattern.test(text))?.[1] ?? 'it is text without a graph');
}

/** Members near the top of an ExportedProgram and of arfuse's own JSON. */
function isGraphJson(head: string): boolean {
  return /"graph_module"\s*:/.test(head) || /"format"\s*:\s*"arfuse\./.test(head);
}
