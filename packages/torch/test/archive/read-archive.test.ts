import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { readGraph } from '../../src/read-graph.ts';
import { ABSENT, bytes, fixture } from '../fixtures.ts';
import { smallProgram } from '../programs.ts';
import { refusal } from '../refusal.ts';

const scratch = mkdtempSync(join(tmpdir(), 'arfuse-archive-'));
afterAll(() => rmSync(scratch, { recursive: true }));

type Files = Record<string, string | Uint8Array>;
const zip = (files: Files, level: 0 | 9 = 0): Buffer =>
  Buffer.from(
    zipSync(
      Object.fromEntries(
        Object.entries(files).map(([name, data]) => [
          name,
          typeof data === 'string' ? strToU8(data) : data,
        ]),
      ),
      { level, mtime: '1980-01-02' },
    ),
  );
const archive = (more: Files = {}, level: 0 | 9 = 0): Buffer =>
  zip(
    {
      'm/archive_version': '0',
      'm/byteorder': 'little',
      'm/models/model.json': smallProgram(),
      ...more,
    },
    level,
  );

describe.skipIf(ABSENT)(`real .pt2 archives ${ABSENT || ''}`, () => {
  it.each([
    ['llama-tiny', 219, '2.11.0+cu130', '8.17', { s72: 2, s70: 2 }],
    ['qwen3-moe-tiny', 265, '2.11.0+cu130', '8.17', { s54: 2 }],
    ['gemma3-tiny', 300, '2.15.0', '8.20', { s39: 2 }],
  ])('%s', async (name, nodes, torch, schema, symbols) => {
    const { programs, skipped, warnings } = await readGraph(fixture(`pt2/${name}.tp2.pt2`));
    expect(programs).toHaveLength(1);
    const { graph, name: model, source } = programs[0]!;
    expect(model).toBe('model');
    expect(source).toBe(`${fixture(`pt2/${name}.tp2.pt2`)}!${name}.tp2/models/model.json`);
    expect(graph.nodes).toHaveLength(nodes);
    expect(graph.nodesOf('_c10d_functional.all_reduce')).toHaveLength(4);
    expect(graph.meta.format).toBe('pt2');
    expect(graph.meta.producers?.schema).toBe(schema);
    expect(graph.meta.producers?.torch?.split('+')[0]).toBe(torch.split('+')[0]);
    expect(
      Object.fromEntries([...graph.symbols.values()].map(({ name, min }) => [name, min])),
    ).toEqual(symbols);
    expect(warnings).toEqual([]);
    expect(skipped.map(({ reason }) => reason)).toContain('weights are never read');
  });

  it('reads the directory and the graph, and nothing else', async () => {
    const probe = await open(fixture('pt2/llama-tiny.tp2.pt2'));
    const prototype = Object.getPrototypeOf(probe) as {
      read: (...args: unknown[]) => Promise<unknown>;
    };
    await probe.close();
    const spy = vi.spyOn(prototype, 'read');
    await readGraph(fixture('pt2/llama-tiny.tp2.pt2'));
    // Detection looks at the first chunk; everything else goes through yauzl's own descriptor.
    expect(spy.mock.calls.length).toBeLessThanOrEqual(2);
    spy.mockRestore();
    // A weight's bytes may be anything: they are never looked at.
    const damaged = Buffer.from(bytes('pt2/llama-tiny.tp2.pt2'));
    const weight = damaged.indexOf('data/weights/weight_0');
    damaged.fill(0xff, weight + 200, weight + 400);
    const { programs } = await readGraph(damaged);
    expect(programs[0]!.graph.nodes).toHaveLength(219);
  });

  it('reads the same from bytes, from a stream and from a gzip file', async () => {
    const raw = bytes('pt2/gemma3-tiny.tp2.pt2');
    const file = join(scratch, 'no-extension');
    writeFileSync(file, gzipSync(raw));
    async function* pieces(): AsyncIterable<Uint8Array> {
      for (let at = 0; at < raw.length; at += 1000) yield raw.subarray(at, at + 1000);
    }
    for (const input of [raw, pieces(), file]) {
      const { programs } = await readGraph(input);
      expect(programs[0]!.graph.nodes).toHaveLength(300);
    }
  });

  it('refuses every truncation and names the file', async () => {
    const raw = bytes('pt2/llama-tiny.tp2.pt2');
    for (let cut = 1; cut < 24; cut += 1) {
      const error = await refusal(raw.subarray(0, Math.floor((raw.length * cut) / 24)), {
        source: 'cut.pt2',
      });
      expect(error.code).toBe('ARFUSE_GRAPH_FORMAT');
      expect(error.place?.file).toBe('cut.pt2');
    }
  });

  it('accepts or refuses, but never throws anything untyped, when bytes of the directory are flipped', async () => {
    const raw = bytes('pt2/llama-tiny.tp2.pt2');
    const start = raw.length - 5000;
    for (let at = start; at < raw.length; at += 41) {
      const flipped = Buffer.from(raw);
      flipped[at] = flipped[at]! ^ 0x55;
      try {
        const { programs } = await readGraph(flipped);
        expect(programs[0]!.graph.nodes).toHaveLength(219);
      } catch (error) {
        expect((error as { code: string }).code).toMatch(
          /^ARFUSE_(GRAPH_FORMAT|UNSUPPORTED|LIMIT)$/,
        );
      }
    }
  });

  it('finds a flipped byte of the graph by its CRC', async () => {
    const raw = Buffer.from(bytes('pt2/llama-tiny.tp2.pt2'));
    const at = raw.indexOf('"torch.ops.aten.embedding.default"');
    raw[at + 5] = raw[at + 5]! ^ 0x20;
    const error = await refusal(raw, { source: 'a.pt2' });
    expect(error.message).toMatch(
      /CRC-32 is [0-9a-f]{8}; the archive's directory says [0-9a-f]{8}/,
    );
    expect(error.place?.file).toBe('a.pt2!llama-tiny.tp2/models/model.json');
  });
});

describe('readArchive', () => {
  it('reads stored and deflated members, and several models', async () => {
    for (const level of [0, 9] as const) {
      const { programs } = await readGraph(
        archive({ 'm/models/decoder.json': smallProgram() }, level),
      );
      expect(programs.map(({ name }) => name)).toEqual(['model', 'decoder']);
      expect(programs.map(({ graph }) => graph.nodes.length)).toEqual([3, 3]);
    }
  });

  it('reads the legacy layout', async () => {
    const { programs, skipped } = await readGraph(
      zip({
        'serialized_exported_program.json': smallProgram(),
        'serialized_state_dict.pt': 'x',
        version: '8.8',
      }),
    );
    expect(programs[0]!.graph.nodes).toHaveLength(3);
    expect(skipped).toEqual([
      { what: 'serialized_* (1 members)', reason: 'weights and example inputs are never read' },
    ]);
  });

  it('never opens members that are not graphs', async () => {
    const { skipped } = await readGraph(
      archive({ 'm/data/weights/w': 'x', 'm/data/sample_inputs/model.pt': '\x80\x04' }),
    );
    expect(skipped.map(({ what }) => what)).toEqual([
      'data/weights (1 members)',
      'data/sample_inputs (1 members)',
    ]);
  });

  const twins = (): Buffer => {
    const raw = archive({ 'm/models/modeX.json': smallProgram() });
    for (let at = raw.indexOf('modeX'); at >= 0; at = raw.indexOf('modeX', at))
      raw.write('model', at);
    return raw;
  };
  const lying = (): Buffer => {
    const raw = archive({}, 9);
    // Uncompressed size in the central directory header of the model: offset 24 from its signature.
    const name = raw.lastIndexOf('m/models/model.json');
    raw.writeUInt32LE(100, name - 46 + 24);
    return raw;
  };
  const encrypted = (): Buffer => {
    const raw = archive({}, 9);
    const name = raw.lastIndexOf('m/models/model.json');
    raw.writeUInt16LE(raw.readUInt16LE(name - 46 + 8) | 1, name - 46 + 8);
    return raw;
  };
  it.each([
    [
      'a path that leaves the archive',
      () => archive({ 'm/../../evil.json': '{}' }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2',
      'invalid relative path',
    ],
    [
      'an absolute path',
      () => archive({ '/etc/passwd': 'x' }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2',
      'absolute path',
    ],
    [
      'a backslash',
      () => archive({ 'm\\..\\x': 'x' }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2',
      'invalid characters',
    ],
    [
      'a name that occurs twice',
      twins,
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2!m/models/model.json',
      'twice',
    ],
    ['a wrong size', lying, 'ARFUSE_GRAPH_FORMAT', 'a.pt2!m/models/model.json', 'too many bytes'],
    [
      'an encrypted member',
      encrypted,
      'ARFUSE_UNSUPPORTED',
      'a.pt2!m/models/model.json',
      'encrypted',
    ],
    [
      'two roots',
      () => zip({ 'a/models/m.json': smallProgram(), 'b/models/m.json': smallProgram() }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2',
      '"a/", "b/"',
    ],
    [
      'a later archive version',
      () => archive({ 'm/archive_version': '1' }),
      'ARFUSE_UNSUPPORTED',
      'a.pt2!m/archive_version',
      '"1"',
    ],
    [
      'no model',
      () => zip({ 'm/data/weights/w': 'x' }),
      'ARFUSE_UNSUPPORTED',
      'a.pt2',
      '1 members without models',
    ],
    [
      'a checkpoint',
      () => zip({ 'm/data.pkl': 'x', 'm/data/0': 'x' }),
      'ARFUSE_UNSUPPORTED',
      'a.pt2',
      'torch.save checkpoint',
    ],
    [
      'a TorchScript archive',
      () => zip({ 'm/constants.pkl': 'x', 'm/data.pkl': 'x' }),
      'ARFUSE_UNSUPPORTED',
      'a.pt2',
      'TorchScript',
    ],
    [
      'an AOTInductor package',
      () => zip({ 'm/data/aotinductor/model/x.so': 'x' }),
      'ARFUSE_UNSUPPORTED',
      'a.pt2',
      'AOTInductor',
    ],
    ['an empty archive', () => zip({}), 'ARFUSE_UNSUPPORTED', 'a.pt2', 'empty ZIP'],
    [
      'a model that is no program',
      () => archive({ 'm/models/model.json': '{"a": 1}' }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2!m/models/model.json',
      'no ExportedProgram',
    ],
    [
      'a model that is no JSON',
      () => archive({ 'm/models/model.json': '{"a": ' }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2!m/models/model.json',
      'the input ends',
    ],
    [
      'a model that is no UTF-8',
      () => archive({ 'm/models/model.json': new Uint8Array([0x7b, 0x0a, 0xff, 0xfe]) }),
      'ARFUSE_GRAPH_FORMAT',
      'a.pt2!m/models/model.json',
      'UTF-8',
    ],
  ])('refuses %s', async (_, make, code, file, message) => {
    const error = await refusal(make(), { source: 'a.pt2' });
    expect(error.code).toBe(code);
    expect(error.place?.file).toBe(file);
    expect(error.message).toContain(message);
    expect(error.hint).toBeTruthy();
  });

  it('stops at decompression bombs before they are expanded', async () => {
    const bomb = archive({ 'm/models/model.json': new Uint8Array(8 << 20).fill(0x20) }, 9);
    const error = await refusal(bomb, { source: 'a.pt2', limits: { maxRatio: 100 } });
    expect(error.toJSON()).toMatchObject({
      code: 'ARFUSE_LIMIT',
      details: { produced: 8 << 20, maxRatio: 100 },
    });
    const size = await refusal(bomb, { limits: { maxBytes: 1 << 20 } });
    expect(size.toJSON()).toMatchObject({
      code: 'ARFUSE_LIMIT',
      details: { bytes: 8 << 20, maxBytes: 1 << 20 },
    });
  });

  it('bounds the number of members', async () => {
    const many = archive(
      Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`m/extra/${i}`, 'x'])),
    );
    const error = await refusal(many, { limits: { maxEntries: 20 } });
    expect(error.toJSON()).toMatchObject({
      code: 'ARFUSE_LIMIT',
      details: { entries: 53, maxEntries: 20 },
    });
  });

  it('stops when the caller aborts', async () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(readGraph(archive(), { signal: controller.signal })).rejects.toThrow('enough');
  });
});
