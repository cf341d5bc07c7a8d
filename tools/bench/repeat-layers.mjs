const STATEMENT = /^ {8}([A-Za-z_]\w*)(?:: "[^"]*")? = (.*)$/;

/**
 * A longer program of the same kind: the layers of an FX text, repeated. Copy k reads the residual stream that
 * copy k − 1 leaves; weights are shared.
 *
 * @param {string} text `print_readable` text of a model whose stream starts at a node called `embedding`
 * @param {number} atLeast nodes that are wanted
 * @returns {{ text: string, nodes: number, copies: number }}
 */
export function repeatLayers(text, atLeast) {
  const lines = text.split('\n');
  const signature = lines.findIndex((line) => line.startsWith('    def forward('));
  const head = lines.slice(0, signature + 1);
  const body = lines
    .slice(signature + 1)
    .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'))
    .map((line) => line.replace(/;(\s+\w+ =)+ None$/, ''));
  const names = new Set(
    body.map((line) => STATEMENT.exec(line)?.[1]).filter((name) => name !== undefined),
  );
  const lastReduce = body.findLastIndex((line) => line.includes('all_reduce.default('));
  const lastAdd = body.findIndex(
    (line, index) => index > lastReduce && line.includes('aten.add.Tensor('),
  );
  const stream = STATEMENT.exec(body[lastAdd] ?? '')?.[1];
  if (signature < 0 || stream === undefined || !names.has('embedding')) {
    throw new Error('the text is not of a form whose layers can be repeated');
  }
  const layers = body.slice(0, lastAdd + 1);
  const copies = Math.max(1, Math.ceil(atLeast / layers.length));
  /** @param {string} line @param {number} copy */
  const rename = (line, copy) =>
    line.replace(/(?<![\w.])[A-Za-z_]\w*/g, (word) => {
      if (!names.has(word)) return word;
      return word === 'embedding' && copy > 0 ? `${stream}_c${copy - 1}` : `${word}_c${copy}`;
    });
  const out = [...head];
  for (let copy = 0; copy < copies; copy++) {
    for (const line of layers) {
      if (copy > 0 && STATEMENT.exec(line)?.[1] === 'embedding') continue;
      out.push(rename(line, copy));
    }
  }
  for (const line of body.slice(lastAdd + 1)) out.push(rename(line, copies - 1));
  return { text: `${out.join('\n')}\n`, nodes: out.length - head.length - 1, copies };
}
