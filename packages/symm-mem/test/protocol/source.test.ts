import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BUFFER, BUFFERS, END, EPOCH, KERNELS, MEET, PHASES, WAIT } from './program.ts';

const source = (path: string): string =>
  readFileSync(new URL(`../../../../native/cpp/${path}`, import.meta.url), 'utf8');

const block = source('exchange/exchange_block.cuh');
const kernels = source('exchange/exchange_kernel.cuh');

/** Text of the function that begins so, until the brace that ends it. */
function body(text: string, head: string): string {
  const start = text.indexOf(head);
  expect(start, head).toBeGreaterThan(0);
  let depth = 0;
  for (let at = text.indexOf(') ', start); at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}' && --depth === 0) return text.slice(start, at);
  }
  throw new Error(`${head} has no end`);
}

/** Which of the words a text has, in its order. */
function inOrder(text: string, words: readonly string[]): string[] {
  const escaped = [...new Set(words)]
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return text.match(new RegExp(`(?<![\\w])(?:${escaped.join('|')})(?!\\w)`, 'g')) ?? [];
}

it.each(['one', 'two'] as const)(
  'the %s-shot kernel does what the model does, in its order',
  (shot) => {
    const text = body(kernels, `${shot}_shot_kernel(`);
    const found = inOrder(text, [...KERNELS.two, 'end(false)'])
      .filter((word) => word !== 'end')
      .map((word) => (word === 'end(false)' ? 'end' : word));
    expect(found).toEqual(KERNELS[shot]);
    // Whatever does not go on ends as aborted.
    expect(text.match(/if \(block\.poisoned\(\)\) return block\.end\(true\);/g)).toHaveLength(1);
    const meetings = KERNELS[shot].filter((word) => word.startsWith('meet')).length;
    expect(text.match(/if \(!block\.meet\(\d\)\) return block\.end\(true\);/g)).toHaveLength(
      meetings,
    );
    expect(text).toContain(`block(params, ${meetings})`);
  },
);

it('meets, waits and ends in the order of the model', () => {
  expect(inOrder(body(block, 'bool meet('), MEET)).toEqual(MEET);
  expect(inOrder(body(block, 'bool wait('), WAIT)).toEqual(WAIT);
  expect(inOrder(body(block, 'void end('), END)).toEqual(END);
  expect(body(block, 'bool meet(').match(/flags\[phase\]\[blockIdx\.x\]\.raised\[/g)).toHaveLength(
    2,
  );
  expect(body(block, 'void end(')).toContain(
    'if (count_arrival(&control.arrivals) + 1 != gridDim.x) return;',
  );
});

it('numbers exchanges, buffers and phases as the model does', () => {
  expect(block).toContain(`epoch_(${EPOCH})`);
  expect(block).toContain(`params_.layout.buffer[${BUFFER}]`);
  const layout = source('launch/exchange_layout.hpp');
  expect(layout).toContain(`kExchangePhases = ${PHASES};`);
  expect(layout).toContain(`std::size_t buffer[${BUFFERS}];`);
});

it('has the order of memory that the model grants it', () => {
  const order = source('exchange/memory_order.cuh');
  expect(body(order, 'void store_release(')).toContain('st.release.sys.global.u64');
  expect(body(order, 'load_acquire(')).toContain('ld.acquire.sys.global.u64');
  expect(body(order, 'count_arrival(')).toContain('atom.acq_rel.gpu.global.add.u32');
  // Constant data's path would not be ordered behind an acquire.
  expect(body(order, 'load_data(')).toContain('ld.global.cg.v4.u32');
});
