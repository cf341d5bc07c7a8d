/** The text formats that this folder reads. */
export type FxFormat = 'fx-readable' | 'fx-graph' | 'auto-deploy' | 'fx-runnable';

const FORWARD = /^[^\n#]*?\bdef forward\(/m;
const GRAPH_LINE =
  /^(?:[^\n%]{0,200}?[\s#])?%[\w.]+ : [^\n]*?(?:placeholder|PlaceHolder|call_function|call_method|call_module|get_attr)\[target=/m;
const AUTO_DEPLOY =
  /^(?:# GraphModule: |%[\w.]+ (?:= [^\n]+\) : \S|: \S+ : (?:torch\.\w+|unknown|Sym\w+)\s*$))/m;

/** Which FX text format a text has, by content; null when it holds no graph. */
export function detectFx(text: string): FxFormat | null {
  if (notAGraph(text) !== null) return null;
  if (text.includes('def forward(') && FORWARD.test(text)) {
    return /^class Repro\(.*Module\):/m.test(text) && text.includes('def load_args(')
      ? 'fx-runnable'
      : 'fx-readable';
  }
  if (text.includes('[target=') && GRAPH_LINE.test(text)) return 'fx-graph';
  if (text.includes('%') && AUTO_DEPLOY.test(text)) return 'auto-deploy';
  return null;
}

/**
 * Why a text that looks like a PyTorch dump is no graph, in one sentence; null when nothing speaks against it.
 * Folder imports list such files as skipped.
 */
export function notAGraph(text: string): string | null {
  const head = text.slice(0, 4000);
  if (/^# This file was produced by VllmPatternMatcherPass\.dump_patterns/m.test(head)) {
    return 'it lists the patterns of a vLLM pass, not a graph';
  }
  if (/^\s*(?:ViewAndMutationMeta|OutputAliasInfo)\(/.test(head))
    return 'it is metadata of AOTAutograd (ViewAndMutationMeta), not a graph';
  if (
    /^async_compile = AsyncCompile\(\)|^from torch\._inductor\.async_compile import AsyncCompile/m.test(
      text.slice(0, 20_000),
    )
  ) {
    return 'it is code that Inductor generated, which no longer shows the graph; import the post-grad graph of the same compilation';
  }
  if (/^def pattern_\d+\(\):/m.test(head))
    return 'it lists patterns of a pattern matcher, not a graph';
  return null;
}
