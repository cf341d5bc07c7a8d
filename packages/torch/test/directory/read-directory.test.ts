import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type Graph, printGraph } from '@arfuse/graph';
import { afterAll, describe, expect, it } from 'vitest';
import { readGraph } from '../../src/read-graph.ts';
import { ABSENT, fixture } from '../fixtures.ts';
import { SMALL_FX, smallProgram } from '../programs.ts';
import { refusal } from '../refusal.ts';

const scratch = mkdtempSync(join(tmpdir(), 'arfuse-directory-'));
afterAll(() => rmSync(scratch, { recursive: true }));

let count = 0;
/** A fresh directory with the given files. */
function directory(files: Record<string, string | Uint8Array>): string {
  count += 1;
  const root = join(scratch, String(count));
  mkdirSync(root);
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), data);
  }
  return root;
}

const allReduces = (graph: Graph): number => graph.nodesOf('vllm.all_reduce').length;

describe.skipIf(ABSENT)(`real vLLM directories ${ABSENT || ''}`, () => {
  it.each([
    ['v0.32.0-llama-ir', '77d4499681', 7],
    ['v0.32.0-llama-ir-fused', '9cb8822405', 7],
    ['v0.32.0-qwen3moe-ir', 'ce4a6d3fa4', 5],
    ['v0.11.0-llama-customop', 'b5214685d4', 7],
    ['v0.11.0-llama-native', 'b7f49ea306', 7],
  ])('pairs the ranks of the compile cache of %s', async (run, hash, reduces) => {
    const cache = fixture(`vllm/${run}/torch_compile_cache`);
    for (const path of [cache, `${cache}/`, `${cache}/${hash}`]) {
      const { programs, otherRanks, rankCountHint, warnings } = await readGraph(path);
      expect(warnings).toEqual([]);
      expect(programs.map(({ name, rank }) => [name, rank])).toEqual([[`${hash}/backbone`, 0]]);
      expect(otherRanks.map(({ name, rank }) => [name, rank])).toEqual([[`${hash}/backbone`, 1]]);
      expect([...programs, ...otherRanks].map(({ graph }) => allReduces(graph))).toEqual([
        reduces,
        reduces,
      ]);
      expect(programs[0]!.graph.meta).toMatchObject({ name: `${hash}/backbone`, rank: 0 });
      expect(rankCountHint).toBe(2);
    }
    for (const rank of [0, 1]) {
      const one = await readGraph(`${cache}/${hash}/rank_${rank}_0`);
      expect(one.programs.map(({ rank }) => rank)).toEqual([rank]);
      expect(one.rankCountHint).toBeUndefined();
      expect(allReduces(one.programs[0]!.graph)).toBe(reduces);
    }
  });

  it('reads the cache of a run that also holds dumps and traces, and says so', async () => {
    const { programs, skipped, warnings } = await readGraph(fixture('vllm/v0.32.0-llama-ir'));
    expect(programs.map(({ name }) => name)).toEqual(['77d4499681/backbone']);
    expect(warnings).toContain(
      'computation graphs of the compile cache are read; 9 graph files of other kinds in the same directory are not.',
    );
    expect(skipped.find(({ what }) => what.includes('kernel_1'))?.reason).toEqual(
      expect.stringMatching(/^it is (code that Inductor generated|generated kernel code)/),
    );
    expect(skipped.find(({ what }) => what.includes('trace_rank_0'))?.reason).toMatch(
      /^computation graphs of the compile cache are read instead \(/,
    );
  });

  it('finds the same after decompression, whatever the names', async () => {
    const from = fixture('vllm/v0.32.0-llama-ir');
    const root = directory({});
    cpSync(from, root, { recursive: true });
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile()) continue;
      writeFileSync(path.replace(/\.gz$/, ''), gunzipSync(readFileSync(path)));
      rmSync(path);
    }
    const { programs, otherRanks } = await readGraph(root);
    expect(
      [...programs, ...otherRanks].map(({ rank, graph }) => [rank, allReduces(graph)]),
    ).toEqual([
      [0, 7],
      [1, 7],
    ]);
  });

  it('reads the whole model of a debug dump where there is one', async () => {
    const { programs, skipped } = await readGraph(fixture('vllm/v0.32.0-llama-ir/dump'));
    expect(programs.map(({ source }) => source.replace(/.*\//, ''))).toEqual([
      '__compiled_fn_1.before_split.0.py.gz',
    ]);
    expect(allReduces(programs[0]!.graph)).toBe(7);
    expect(skipped.find(({ what }) => what.includes('AFTER_POST_GRAD.0'))?.reason).toBe(
      'before_split of the same compile is read',
    );
  });

  it("reads the first pass's input of a dump without it, and warns that pieces are missing", async () => {
    const { programs, skipped, warnings } = await readGraph(
      fixture('vllm/v0.32.0-llama-ir-fused/dump'),
    );
    expect(programs.map(({ graph }) => allReduces(graph))).toEqual([1, 1, 2, 2]);
    expect(warnings.some((text) => text.includes('debug dumps leave out pieces'))).toBe(true);
    expect(skipped.find(({ what }) => what.includes('patterns.'))?.reason).toBe(
      'it lists the patterns of a vLLM pass, not a graph',
    );
  });

  it('pairs trace logs, and warns where the ranks differ in structure', async () => {
    const same = await readGraph(fixture('fx/llama-tiny-gloo'));
    expect(same.programs.map(({ rank }) => rank)).toEqual([0]);
    expect(same.otherRanks.map(({ rank }) => rank)).toEqual([1]);
    expect(same.rankCountHint).toBe(2);
    expect(same.warnings.filter((text) => text.includes('differs'))).toEqual([]);
    const other = await readGraph(fixture('vllm/v0.32.0-llama-cpu-stock/trace'));
    expect(other.otherRanks.map(({ rank }) => rank)).toEqual([1]);
    expect(other.warnings.filter((text) => text.includes('differs'))).toHaveLength(1);
  });

  it('reads one level per compile of tlparse payloads', async () => {
    const { programs, skipped } = await readGraph(fixture('fx/torch-trace'));
    expect(programs.map(({ name }) => name)).toEqual(['rank0.f0.0', 'rank0.f0.1']);
    expect(
      programs.map(({ graph }) => graph.nodesOf('_c10d_functional.all_reduce').length),
    ).toEqual([1, 1]);
    expect(
      skipped.find(({ what }) => what.endsWith('f0.0.aot_forward_graph_fw_metadata.txt'))?.reason,
    ).toMatch(/^it is metadata/);
    expect(skipped.find(({ what }) => what.endsWith('f0.0.fx_graph_runnable.txt'))?.reason).toBe(
      'it is a repro script without types',
    );
  });

  it('reads plain graph files of any format', async () => {
    const graphs = await readGraph(fixture('graphs'));
    expect(graphs.programs).toHaveLength(6);
    const fx = await readGraph(fixture('fx/sglang-dynamo'));
    expect(fx.programs).toHaveLength(6);
    expect(fx.programs.every(({ rank }) => rank === 0)).toBe(true);
  });
});

describe('readDirectory', () => {
  const cache = (ranks: string[]): Record<string, string> =>
    Object.fromEntries(ranks.map((rank) => [`${rank}/computation_graph.py`, SMALL_FX]));

  it('keeps pipeline stages apart and counts every rank folder', async () => {
    const { programs, otherRanks, rankCountHint } = await readGraph(
      directory(
        cache([
          'h1/rank_0_0/backbone',
          'h1/rank_1_0/backbone',
          'h2/rank_2_0/backbone',
          'h2/rank_3_0/backbone',
        ]),
      ),
    );
    expect(programs.map(({ name, rank }) => [name, rank])).toEqual([
      ['h1/backbone', 0],
      ['h2/backbone', 2],
    ]);
    expect(otherRanks.map(({ name, rank }) => [name, rank])).toEqual([
      ['h1/backbone', 1],
      ['h2/backbone', 3],
    ]);
    expect(rankCountHint).toBe(4);
  });

  it('keeps the parts of a model apart, and data-parallel copies with their ranks', async () => {
    const { programs, otherRanks } = await readGraph(
      directory(
        cache([
          'h/rank_0_0/backbone',
          'h/rank_0_0/eagle_head',
          'h/rank_0_1/backbone',
          'h/rank_10_0/backbone',
          'h/rank_2_0/backbone',
        ]),
      ),
    );
    expect(programs.map(({ name }) => name)).toEqual(['h/backbone', 'h/eagle_head']);
    expect(otherRanks.map(({ name, rank }) => [name, rank])).toEqual([
      ['h/backbone', 2],
      ['h/backbone', 10],
      ['h/backbone dp 1', 0],
    ]);
  });

  it('warns where a rank runs other ops', async () => {
    const files = cache(['h/rank_0_0', 'h/rank_1_0']);
    files['h/rank_1_0/computation_graph.py'] = SMALL_FX.replace(
      'aten.add.Tensor',
      'aten.sub.Tensor',
    );
    const { warnings } = await readGraph(directory(files));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /rank_1_0\/computation_graph\.py differs from .*rank_0_0.*: node 2 is aten\.sub\.Tensor \("add"\) here and aten\.add\.Tensor/,
    );
  });

  it('skips what is no graph, with the reason', async () => {
    const root = directory({
      'a.txt': SMALL_FX,
      'b.json': smallProgram(),
      'c.gz': gzipSync(printGraph((await readGraph(Buffer.from(SMALL_FX))).programs[0]!.graph)),
      'notes.md': '# notes\n',
      'cache_key_factors.json': '{"env": {}}',
      'weights.safetensors': Buffer.concat([
        Buffer.from([16, 0, 0, 0, 0, 0, 0, 0]),
        Buffer.from('{"a": {"b": 1}}  '),
      ]),
      'model.pkl': Buffer.from([0x80, 0x04, 0x95, 0x00]),
      'empty.py': '',
      'kernel.py':
        'from torch._inductor.async_compile import AsyncCompile\nasync_compile = AsyncCompile()\n',
    });
    symlinkSync(join(root, 'nowhere'), join(root, 'broken'));
    const { programs, skipped } = await readGraph(root);
    expect(programs.map(({ name }) => name)).toEqual(['a.txt', 'b.json', 'c']);
    expect(
      Object.fromEntries(skipped.map(({ what, reason }) => [what.slice(root.length + 1), reason])),
    ).toMatchObject({
      'notes.md': 'it is text without a graph',
      'cache_key_factors.json': 'it is JSON without a graph',
      'weights.safetensors': 'it is a safetensors file (weights, no graph)',
      'model.pkl': 'it is a Python pickle (a checkpoint or a torch.save file)',
      'empty.py': 'it is an empty file',
      'kernel.py': expect.stringMatching(
        /^it is (code that Inductor generated|generated kernel code)/,
      ),
      broken: 'no regular file',
    });
  });

  it('joins long lists of files that are skipped for one reason', async () => {
    const files: Record<string, string> = { 'g.txt': SMALL_FX };
    for (let i = 0; i < 30; i += 1) files[`n${i}.md`] = 'nothing';
    const { skipped } = await readGraph(directory(files));
    expect(skipped).toHaveLength(1);
    expect(skipped[0]!.what).toMatch(/^30 files, such as .*n0\.md$/);
  });

  it('survives loops of symbolic links', async () => {
    const root = directory({ 'a/g.txt': SMALL_FX });
    symlinkSync(root, join(root, 'a/loop'));
    const { programs, skipped } = await readGraph(root);
    expect(programs).toHaveLength(1);
    expect(skipped.map(({ reason }) => reason)).toContain('this folder was read by another path');
  });

  it.each([
    ['an empty directory', {}, 'it is empty'],
    [
      'a directory without graphs',
      { 'a.md': 'x', 'b/c.json': '{"a": 1}' },
      'it is text without a graph',
    ],
  ])('refuses %s', async (_, files, message) => {
    const root = directory(files as Record<string, string>);
    const error = await refusal(root);
    expect(error.toJSON()).toMatchObject({ code: 'ARFUSE_GRAPH_FORMAT', place: { file: root } });
    expect(error.message).toContain(message);
  });

  it('refuses a damaged graph, and damaged gzip data, with their paths', async () => {
    const packed = gzipSync(SMALL_FX);
    const truncated = directory({
      'ok.txt': SMALL_FX,
      'x/bad.txt.gz': packed.subarray(0, packed.length - 12),
    });
    const error = await refusal(truncated);
    expect(error.code).toBe('ARFUSE_GRAPH_FORMAT');
    expect(error.place?.file).toBe(`${truncated}/x/bad.txt.gz`);
    const broken = directory({ 'ok.txt': SMALL_FX, 'bad.json': smallProgram().slice(0, -40) });
    const parse = await refusal(broken);
    expect(parse.place).toMatchObject({ file: `${broken}/bad.json`, line: 1 });
  });

  it('bounds entries and depth', async () => {
    const many = directory(
      Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`d${i}/x`, ''])),
    );
    expect((await refusal(many, { limits: { maxEntries: 10 } })).code).toBe('ARFUSE_LIMIT');
    const deep = directory({ [`${'d/'.repeat(12)}g.txt`]: SMALL_FX });
    expect((await refusal(deep, { limits: { maxDepth: 10 } })).code).toBe('ARFUSE_LIMIT');
    expect((await readGraph(deep)).programs).toHaveLength(1);
  });
});
