import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { Graph } from '@arfuse/graph';
import { describe, expect, it } from 'vitest';
import { readGraph } from '../../src/read-graph.ts';
import { ABSENT, bytes, fixture, plain } from '../fixtures.ts';
import { SMALL_FX } from '../programs.ts';
import { refusal } from '../refusal.ts';

const REDUCES = [
  '_c10d_functional.all_reduce',
  '_c10d_functional.all_reduce_',
  'vllm.all_reduce',
  '_C.shm_allreduce',
];
const allReduces = (graph: Graph): number =>
  REDUCES.reduce((sum, op) => sum + graph.nodesOf(op).length, 0);

/** One record of a log. */
function record(envelope: object, payload?: string, md5?: string): string {
  const line = {
    ...envelope,
    ...(payload === undefined
      ? {}
      : { has_payload: md5 ?? createHash('md5').update(payload).digest('hex') }),
  };
  const tabbed =
    payload === undefined
      ? ''
      : `${payload
          .split('\n')
          .map((text) => `\t${text}`)
          .join('\n')}\n`;
  return `V1123 11:53:02.688000 15627 torch/_dynamo/utils.py:2126] ${JSON.stringify(line)}\n${tabbed}`;
}

const at = (compile: number, attempt = 0) => ({
  rank: 0,
  frame_id: 0,
  frame_compile_id: compile,
  attempt,
});
const artifact = (name: string) => ({ artifact: { name, encoding: 'string' } });
/** A graph that differs from `SMALL_FX` only by the name of its result. */
const fx = (name: string): string =>
  SMALL_FX.replaceAll('add', name).replace(`aten.${name}.`, 'aten.add.');
const log = (...records: string[]): Buffer => Buffer.from(records.join(''));

describe.skipIf(ABSENT)(`real TORCH_TRACE logs ${ABSENT || ''}`, () => {
  it('reads the functional ATen graph of a compiled model', async () => {
    const { programs, skipped, warnings } = await readGraph(
      fixture('fx/llama-tiny-gloo/dedicated_log_torch_trace_rank_0.log.gz'),
    );
    expect(programs).toHaveLength(1);
    const { graph, name, rank, source } = programs[0]!;
    expect(name).toBe('0/0');
    expect(rank).toBe(0);
    expect(source).toMatch(/:4476 before_post_grad_graph$/);
    expect(graph.meta).toMatchObject({ format: 'torch-trace', level: 'aten', rank: 0 });
    // The text all_reduce( also stands in comments: 4 calls, not 8.
    expect(allReduces(graph)).toBe(4);
    expect(graph.symbols.get('s27')).toMatchObject({ min: 2, max: null, hint: 16 });
    expect(warnings).toEqual([]);
    const reasons = new Map(
      skipped.map(({ what, reason }) => [what.replace(/^\S+:\d+ /, ''), reason]),
    );
    for (const level of [
      'dynamo_output_graph',
      'after_pre_grad_graph',
      'aot_inference_graph',
      'inductor_post_grad_graph',
    ]) {
      expect(reasons.get(level)).toBe(
        'before_post_grad_graph of the same compile is read (line 4476)',
      );
    }
    expect(skipped.find(({ what }) => what.includes('chromium_event'))?.reason).toBe(
      'no graph record',
    );
    expect(skipped.find(({ what }) => what.includes('inductor_output_code'))?.reason).toContain(
      'generated code',
    );
  });

  it('names the line of the log in the provenance', async () => {
    const path = 'fx/llama-tiny-gloo/dedicated_log_torch_trace_rank_0.log.gz';
    const { programs } = await readGraph(fixture(path));
    const lines = plain(path).toString().split('\n');
    for (const node of programs[0]!.graph.nodesOf('_c10d_functional.all_reduce')) {
      expect(lines[node.provenance.line! - 1]).toMatch(
        new RegExp(`^\\t\\s+${node.name}\\b.*all_reduce`),
      );
    }
  });

  it("reads vLLM's split graph, which has every piece once", async () => {
    const { programs, skipped } = await readGraph(
      fixture('vllm/v0.32.0-llama-ir/trace/dedicated_log_torch_trace_rank_0_iejaigwq.log.gz'),
    );
    expect(programs.map(({ source }) => source.replace(/.*:/, ''))).toEqual([
      '890 vllm_piecewise_split_graph',
    ]);
    expect(allReduces(programs[0]!.graph)).toBe(7);
    expect(programs[0]!.graph.meta.producers?.torch).toBe('2.13.0+cu130');
    expect(
      skipped.filter(
        ({ reason }) =>
          reason === 'vllm_piecewise_split_graph shows the whole program and is read (line 890)',
      ).length,
    ).toBe(26);
  });

  it.each([
    ['rank_0_6ar7sud4', 0],
    ['rank_1_pr5ya10b', 1],
  ])('reads a log without vLLM passes (%s)', async (file, rank) => {
    const { programs } = await readGraph(
      fixture(`vllm/v0.32.0-llama-cpu-stock/trace/dedicated_log_torch_trace_${file}.log.gz`),
    );
    expect(programs).toHaveLength(1);
    expect(programs[0]!.rank).toBe(rank);
    expect(programs[0]!.graph.meta.level).toBe('aten');
    expect(allReduces(programs[0]!.graph)).toBe(7);
  });

  it('refuses logs cut within the graph that is read, and never throws anything untyped', async () => {
    const text = plain('fx/llama-tiny-gloo/dedicated_log_torch_trace_rank_0.log.gz').toString();
    const lines = text.split('\n');
    const cut = await refusal(Buffer.from(lines.slice(0, 4700).join('\n')), { source: 'cut.log' });
    expect(cut.place?.file).toBe('cut.log');
    expect(cut.code).toBe('ARFUSE_GRAPH_FORMAT');
    for (let part = 1; part < 20; part += 1) {
      const input = Buffer.from(text.slice(0, Math.floor((text.length * part) / 20)));
      try {
        const { programs } = await readGraph(input);
        expect(programs.length).toBeGreaterThan(0);
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^ARFUSE_(GRAPH_FORMAT|GRAPH_INVALID)$/);
      }
    }
  });

  it('refuses a truncated gzip log', async () => {
    const raw = bytes('fx/llama-tiny-gloo/dedicated_log_torch_trace_rank_0.log.gz');
    for (const size of [raw.length - 1, raw.length - 9, raw.length >> 1, 40]) {
      const error = await refusal(raw.subarray(0, size), { source: 'a.log.gz' });
      expect(error.message).toContain('the gzip data end too early');
      expect(error.place?.file).toBe('a.log.gz');
    }
  });
});

describe('readTrace', () => {
  it('prefers the level that post-grad passes see', async () => {
    const levels: [string, object][] = [
      ['d', { dynamo_output_graph: { sizes: {} } }],
      ['g', artifact('before_pre_grad_graph')],
      ['a', { aot_inference_graph: {} }],
      ['j', artifact('after_joint_graph')],
      ['b', artifact('before_post_grad_graph')],
      ['p', artifact('inductor_post_grad_graph')],
    ];
    const records = levels.map(([name, kind]) => record({ ...kind, ...at(0) }, fx(name)));
    // Each time the best is taken away, the next best is read.
    for (const expected of ['b', 'j', 'a', 'p', 'g', 'd']) {
      const { programs, skipped } = await readGraph(log(...records));
      expect(programs).toHaveLength(1);
      expect(programs[0]!.graph.nodeByName(expected)).toBeDefined();
      expect(skipped).toHaveLength(records.length - 1);
      records.splice(
        levels.findIndex(([name]) => name === expected),
        1,
      );
      levels.splice(
        levels.findIndex(([name]) => name === expected),
        1,
      );
    }
  });

  it('takes records that older versions write twice under two names as one piece', async () => {
    const names = [
      'aot_inference_graph',
      'before_joint_graph',
      'after_post_grad_graph',
      'inductor_post_grad_graph',
    ];
    const { programs } = await readGraph(
      log(
        record({ dynamo_output_graph: {}, ...at(0) }, fx('d')),
        ...names.map((name) => record({ ...artifact(name), ...at(0) }, fx(name))),
      ),
    );
    expect(programs.map(({ source }) => source.replace(/.* /, ''))).toEqual([
      'aot_inference_graph',
    ]);
  });

  it('reads one program per compile, the last attempt of each, and equal text once', async () => {
    const kind = artifact('before_post_grad_graph');
    const { programs, skipped } = await readGraph(
      log(
        record({ ...kind, ...at(0, 0) }, fx('first')),
        record({ ...kind, ...at(0, 1) }, fx('second')),
        record({ ...kind, ...at(1) }, fx('third')),
        record({ ...kind, ...at(2) }, fx('third')),
      ),
    );
    expect(programs.map(({ name }) => name)).toEqual(['0/0', '0/1']);
    expect(programs[0]!.graph.nodeByName('second')).toBeDefined();
    const lines = fx('x').split('\n').length;
    expect(skipped).toEqual([
      { what: '<bytes>:1 before_post_grad_graph', reason: 'attempt 0 was restarted as attempt 1' },
      {
        what: `<bytes>:${3 * lines + 4} before_post_grad_graph`,
        reason: `its text equals that of 0/1 (line ${2 * lines + 3})`,
      },
    ]);
  });

  it('reads the whole graph where a backend compiled it in pieces', async () => {
    const piece = (name: string) =>
      record({ ...artifact('before_post_grad_graph'), rank: 0 }, fx(name));
    const whole = record({ dynamo_output_graph: {}, ...at(0) }, fx('whole'));
    const together = await readGraph(log(whole, piece('one'), piece('two')));
    expect(together.programs.map(({ source }) => source)).toEqual([
      '<bytes>:1 dynamo_output_graph',
    ]);
    const dump = (name: string) => record({ graph_dump: { name }, rank: 0 }, fx(name));
    const dumps = await readGraph(log(dump('vllm_submod_0'), dump('vllm_submod_2')));
    expect(dumps.programs.map(({ name }) => name)).toEqual([
      'no frame piece 0',
      'no frame piece 1',
    ]);
    const apart = await readGraph(log(piece('one'), piece('two')));
    expect(apart.programs.map(({ name }) => name)).toEqual([
      'no frame piece 0',
      'no frame piece 1',
    ]);
  });

  it('takes ranges, hints and equalities of symbols from the log', async () => {
    const symbolic = SMALL_FX.replaceAll('[8, 64]', '[s0, 64]').replace(
      'arg1_1: "bf16[s0, 64]"',
      'arg1_1: "bf16[s1, 64]"',
    );
    const { programs } = await readGraph(
      log(
        record({ create_symbol: { symbol: 's0', val: '16', vr: '[2, 8192]' }, ...at(0) }),
        record({
          create_symbol: { symbol: 's1', val: '9223372036854775000', vr: '[-int_oo, int_oo]' },
          ...at(0),
        }),
        record({ guard_added_fast: { expr: 'Eq(s1, s0)' }, ...at(0) }),
        record({ guard_added_fast: { expr: 'Eq(s7, s0)' }, ...at(0) }),
        record({ ...artifact('before_post_grad_graph'), ...at(0) }, symbolic),
      ),
    );
    const { graph } = programs[0]!;
    expect(graph.symbols.get('s0')).toEqual({ name: 's0', min: 2, max: 8192, hint: 16 });
    expect(graph.symbols.get('s1')).toEqual({
      name: 's1',
      min: null,
      max: null,
      hint: 9223372036854775000n,
    });
    expect(graph.equalities).toEqual([
      { left: { op: 'sym', name: 's1' }, right: { op: 'sym', name: 's0' } },
    ]);
  });

  it('sorts a log that several ranks wrote into', async () => {
    const graph = (rank: number) =>
      record({ ...artifact('before_post_grad_graph'), ...at(0), rank }, SMALL_FX);
    const { programs, otherRanks, rankCountHint } = await readGraph(log(graph(3), graph(1)));
    expect(programs.map(({ rank }) => rank)).toEqual([1]);
    expect(otherRanks.map(({ rank }) => rank)).toEqual([3]);
    expect(rankCountHint).toBe(2);
  });

  it('warns of a payload that its MD5 does not fit, and reads it', async () => {
    const { programs, warnings } = await readGraph(
      log(record({ ...artifact('before_post_grad_graph'), ...at(0) }, SMALL_FX, '0'.repeat(32))),
      { source: 'x.log' },
    );
    expect(programs).toHaveLength(1);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^x\.log:1: the payload of before_post_grad_graph has MD5 [0-9a-f]{32}, its record says 0{32}/,
    );
  });

  it('takes the group size that a repro script states as a hint', async () => {
    const { rankCountHint } = await readGraph(
      log(
        record(
          { ...artifact('fx_graph_runnable'), ...at(0) },
          'store = FakeStore()\ndist.init_process_group(\n    world_size=4,\n)',
        ),
        record({ ...artifact('before_post_grad_graph'), ...at(0) }, SMALL_FX),
      ),
    );
    expect(rankCountHint).toBe(4);
  });

  it('lists stray lines, reads CRLF, and takes gzip off a stream in small pieces', async () => {
    const text = log(
      record({ ...artifact('before_post_grad_graph'), ...at(0) }, SMALL_FX),
    ).toString();
    const mixed = `some banner\n${text}more output\n`.replaceAll('\n', '\r\n');
    const packed = gzipSync(mixed);
    async function* pieces(): AsyncIterable<Uint8Array> {
      for (let i = 0; i < packed.length; i += 7) yield packed.subarray(i, i + 7);
    }
    const { programs, skipped, warnings } = await readGraph(pieces(), { source: 'x' });
    expect(programs).toHaveLength(1);
    expect(warnings).toEqual([]);
    expect(skipped).toEqual([{ what: '2 lines, the first at x:1', reason: 'no trace records' }]);
  });

  it.each([
    ['an envelope that is no JSON', 'V1123 11:53:02.688000 1 a.py:1] {"a": \n', 1, 'no JSON'],
    ['no graph at all', record({ chromium_event: {}, rank: 0 }, '{}'), undefined, 'holds no graph'],
    [
      'a graph payload that is no graph',
      record({ ...artifact('before_post_grad_graph'), ...at(0) }, 'nothing here'),
      undefined,
      'graph',
    ],
  ])('refuses %s', async (_, text, line, message) => {
    const error = await refusal(Buffer.from(text), { source: 'x.log' });
    expect(error.code).toBe('ARFUSE_GRAPH_FORMAT');
    expect(error.place?.file).toBe('x.log');
    if (line !== undefined) expect(error.place?.line).toBe(line);
    expect(error.message).toContain(message);
  });

  it('bounds the length of lines, also within one chunk', async () => {
    const long = record(
      { ...artifact('before_post_grad_graph'), ...at(0) },
      `x = ${'1'.repeat(10 << 20)}`,
    );
    const error = await refusal(Buffer.from(long), {
      source: 'x.log',
      limits: { maxLineLength: 1 << 20 },
    });
    expect(error.toJSON()).toMatchObject({
      code: 'ARFUSE_LIMIT',
      place: { file: 'x.log', line: 2 },
    });
  });
});
