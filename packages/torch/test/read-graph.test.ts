import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { printGraph } from '@arfuse/graph';
import { afterAll, describe, expect, it } from 'vitest';
import { readGraph } from '../src/read-graph.ts';
import { ABSENT, filesBelow, fixture, plain } from './fixtures.ts';
import { SMALL_FX, smallProgram } from './programs.ts';
import { refusal } from './refusal.ts';

const scratch = mkdtempSync(join(tmpdir(), 'arfuse-read-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const file = (name: string, data: string | Uint8Array): string => {
  const path = join(scratch, name);
  writeFileSync(path, data);
  return path;
};

describe('readGraph', () => {
  it('tells formats by content, also behind gzip and wrong names', async () => {
    const inputs: [string, string | Buffer, string][] = [
      ['a.pt2', SMALL_FX, 'fx'],
      ['b.json.gz', SMALL_FX, 'fx'],
      ['c.txt', gzipSync(SMALL_FX), 'fx'],
      ['d.py', smallProgram(), 'exported-program'],
      ['e', gzipSync(smallProgram()), 'exported-program'],
      ['f.log', `\ufeff  \n${smallProgram()}`, 'exported-program'],
    ];
    for (const [name, data, format] of inputs) {
      const { programs } = await readGraph(file(name, data));
      expect(programs[0]!.graph.meta.format).toMatch(new RegExp(`^${format}`));
      expect(programs[0]!.graph.nodesOf('_c10d_functional.all_reduce')).toHaveLength(1);
      expect(programs[0]!.source).toBe(join(scratch, name));
    }
  });

  it('takes paths, file URLs, bytes and streams', async () => {
    const path = file('any', SMALL_FX);
    async function* stream(): AsyncIterable<Uint8Array> {
      for (const byte of Buffer.from(SMALL_FX)) yield Uint8Array.of(byte);
    }
    for (const input of [path, pathToFileURL(path), new TextEncoder().encode(SMALL_FX), stream()]) {
      const { programs } = await readGraph(input, { source: 'given' });
      expect(programs[0]!.source).toBe('given');
      expect(programs[0]!.graph.nodes).toHaveLength(3);
    }
  });

  it('reads standard input', async () => {
    const original = process.stdin;
    const given = (input: unknown): void => {
      Object.defineProperty(process, 'stdin', { value: input, configurable: true });
    };
    try {
      given(Readable.from([Buffer.from(SMALL_FX)]));
      expect((await readGraph('-')).programs[0]!.source).toBe('<stdin>');
      given(Readable.from([SMALL_FX]));
      expect((await refusal('-')).toJSON()).toMatchObject({
        code: 'ARFUSE_USAGE',
        hint: expect.stringContaining('setEncoding'),
      });
    } finally {
      given(original);
    }
  });

  it("reads arfuse's own JSON without loss", async () => {
    for (const source of [SMALL_FX, smallProgram()]) {
      const first = (await readGraph(Buffer.from(source))).programs[0]!.graph;
      const text = printGraph(first);
      const { programs } = await readGraph(gzipSync(text), { source: 'g.json' });
      expect(printGraph(programs[0]!.graph)).toBe(text);
      const redacted = (await readGraph(Buffer.from(text), { redact: true })).programs[0]!.graph;
      expect(text).toContain('alice');
      expect(printGraph(redacted)).not.toContain('alice');
    }
    const bad = await refusal(Buffer.from('{"format": "arfuse.graph", "specificationVersion": 9}'));
    expect(bad.code).toBe('ARFUSE_SPECIFICATION_VERSION');
    const cut = await refusal(
      Buffer.from('{"format": "arfuse.graph", "specificationVersion": 1}'),
      { source: 'g.json' },
    );
    expect(cut.toJSON()).toMatchObject({ code: 'ARFUSE_GRAPH_FORMAT', place: { file: 'g.json' } });
  });

  it('redacts stacks and folders', async () => {
    const path = file('secret.json', smallProgram());
    const clear = await readGraph(path);
    expect(JSON.stringify(clear.programs[0]!.graph.nodes)).toContain('alice');
    for (const input of [path, file('secret.txt', SMALL_FX)]) {
      const { programs } = await readGraph(input, { redact: true });
      const { graph, source } = programs[0]!;
      expect(source).toMatch(/^secret\.(json|txt)$/);
      expect(JSON.stringify([graph.meta, graph.nodes, source])).not.toMatch(/alice|arfuse-read/);
    }
  });

  it('records the group sizes that the graph states, and refuses contradictions', async () => {
    const gather = (size: number, name: string): string =>
      `        ${name}: "bf16[16, 64]" = torch.ops._c10d_functional.all_gather_into_tensor.default(add, ${size}, '0')\n`;
    const withGathers = (...lines: string[]): Buffer =>
      Buffer.from(SMALL_FX.replace('        return', `${lines.join('')}        return`));
    const { programs } = await readGraph(withGathers(gather(2, 'g')));
    expect(programs[0]!.graph.meta.groupSizes).toEqual({ 0: 2 });
    const error = await refusal(withGathers(gather(2, 'g'), gather(4, 'h')), { source: 'x' });
    expect(error.toJSON()).toMatchObject({
      code: 'ARFUSE_GRAPH_INVALID',
      place: { line: 8 },
    });
  });

  const header = Buffer.alloc(8);
  header.writeBigUInt64LE(20n);
  it.each([
    ['nothing', '', 'an empty file'],
    ['white space', ' \n\t\n', 'white space'],
    ['a pickle', Buffer.from([0x80, 0x02, 0x8a, 0x0a]), 'Python pickle'],
    ['safetensors', Buffer.concat([header, Buffer.from('{"weight": {}}      ')]), 'safetensors'],
    ['an ELF file', Buffer.from('\x7fELF\x02\x01\x01'), 'ELF'],
    ['GGUF', Buffer.from('GGUF\x03\x00\x00\x00'), 'GGUF'],
    ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), 'zstd'],
    ['UTF-16', Buffer.from('\ufeffclass', 'utf16le'), 'UTF-16'],
    ['zeros', Buffer.alloc(100), 'binary'],
    ['gzip in gzip', gzipSync(gzipSync(SMALL_FX)), 'gzip data inside gzip data'],
    ['prose', 'Dear graph,\nhow are you?\n', 'no graph'],
    ['JSON of another kind', '{"a": [1, 2]}', 'JSON'],
    ['a JSON array', '[1, 2]', 'no graph'],
    [
      'bad UTF-8',
      Buffer.concat([
        Buffer.from('class A(torch.nn.Module):\n  def forward(self):\n'),
        Buffer.from([0xc3, 0x28]),
      ]),
      'UTF-8',
    ],
  ])('refuses %s and says what it is', async (_, data, message) => {
    const error = await refusal(Buffer.from(data as string), { source: 'input' });
    expect(error.code).toBe('ARFUSE_GRAPH_FORMAT');
    expect(error.place?.file).toBe('input');
    expect(error.message).toContain(message);
    expect(error.hint).toBeTruthy();
  });

  it('places bad UTF-8 on its line', async () => {
    const text = Buffer.concat([Buffer.from(SMALL_FX), Buffer.from([0xff, 0x0a])]);
    expect((await refusal(text)).place?.line).toBe(SMALL_FX.split('\n').length);
  });

  it('refuses damaged gzip data', async () => {
    const packed = gzipSync(SMALL_FX);
    const flipped = Buffer.from(packed);
    flipped[packed.length >> 1] = flipped[packed.length >> 1]! ^ 0xff;
    const cases: [Buffer, string][] = [
      [packed.subarray(0, packed.length - 1), 'end too early'],
      [packed.subarray(0, 12), 'end too early'],
      [flipped, 'damaged'],
      [Buffer.concat([packed, Buffer.from('tail')]), 'damaged'],
      [Buffer.from([0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 'damaged'],
    ];
    for (const [data, message] of cases) {
      const error = await refusal(data, { source: 'x.gz' });
      expect(error.code).toBe('ARFUSE_GRAPH_FORMAT');
      expect(error.place?.file).toBe('x.gz');
      expect(error.message).toContain(message);
    }
  });

  it('stops at gzip bombs while it reads', async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20, '{'), { level: 9 });
    const ratio = await refusal(bomb, { source: 'x.gz' });
    expect(ratio.toJSON()).toMatchObject({ code: 'ARFUSE_LIMIT', place: { file: 'x.gz' } });
    expect((ratio.details as { produced: number }).produced).toBeLessThan(8 << 20);
    const size = await refusal(bomb, { limits: { maxBytes: 1 << 20, maxRatio: 1e6 } });
    expect(size.details).toMatchObject({ maxBytes: 1 << 20 });
    const endless = async function* (): AsyncIterable<Uint8Array> {
      for (;;) yield Buffer.alloc(1 << 20, 0x7b);
    };
    expect((await refusal(endless(), { limits: { maxBytes: 4 << 20 } })).code).toBe('ARFUSE_LIMIT');
  });

  it('reads lines of ten megabytes, and bounds them where it is told to', async () => {
    const long = Buffer.from(SMALL_FX.replace('# File:', `# ${'x'.repeat(10 << 20)} File:`));
    expect((await readGraph(long)).programs[0]!.graph.nodes).toHaveLength(3);
    const error = await refusal(long, { source: 'x', limits: { maxLineLength: 1 << 20 } });
    expect(error.toJSON()).toMatchObject({ code: 'ARFUSE_LIMIT', place: { file: 'x', line: 3 } });
    const noise = await refusal(Buffer.from('['.repeat(10 << 20)), { source: 'x' });
    expect(noise.code).toMatch(/^ARFUSE_/);
  });

  it('refuses paths that cannot be read, and arguments of a wrong kind', async () => {
    expect((await refusal(join(scratch, 'absent'))).toJSON()).toMatchObject({
      code: 'ARFUSE_IO',
      details: { code: 'ENOENT' },
    });
    expect((await refusal(join(file('plain', 'x'), 'below'))).code).toBe('ARFUSE_IO');
    expect((await refusal(new URL('https://example.org/graph.txt'))).code).toBe('ARFUSE_USAGE');
    expect((await refusal(5 as never)).code).toBe('ARFUSE_USAGE');
    expect(
      (await refusal(Buffer.from(SMALL_FX), { limits: { maxByte: 5 } as never })).message,
    ).toContain('"maxByte"');
    expect((await refusal(Buffer.from(SMALL_FX), { limits: { maxBytes: -5 } })).message).toContain(
      '-5',
    );
  });

  it('stops when the caller aborts, with the reason that the caller gave', async () => {
    for (const data of [Buffer.from(SMALL_FX), gzipSync(SMALL_FX)]) {
      for (const reason of [new Error('enough'), undefined]) {
        const controller = new AbortController();
        async function* slow(): AsyncIterable<Uint8Array> {
          yield data.subarray(0, 50);
          controller.abort(reason);
          yield data.subarray(50);
        }
        const failure = await readGraph(slow(), { signal: controller.signal }).catch(
          (error: unknown) => error,
        );
        expect(failure).toBe(controller.signal.reason);
      }
    }
  });

  it('does not wait for a source that stalls after damaged data', async () => {
    async function* stalled(): AsyncIterable<Uint8Array> {
      yield Buffer.from([0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
      await new Promise(() => {});
    }
    expect((await refusal(stalled())).message).toContain('damaged');
  });
});

describe.skipIf(ABSENT)(`every real capture ${ABSENT || ''}`, () => {
  it.each([
    ['graphs/llama3-8b.tp2', 64],
    ['graphs/qwen3-8b.tp2', 72],
    ['graphs/deepseek-v2-lite.tp2', 80],
  ])('has the same all-reduces in both formats: %s', async (name, count) => {
    for (const suffix of ['fx.txt.gz', 'exported_program.json.gz']) {
      const { programs } = await readGraph(fixture(`${name}.${suffix}`));
      expect(programs).toHaveLength(1);
      expect(programs[0]!.graph.nodesOf('_c10d_functional.all_reduce')).toHaveLength(count);
    }
  });

  const files = ABSENT ? [] : ['graphs', 'pt2', 'fx', 'vllm'].flatMap(filesBelow);
  it('is accepted, or refused with a typed error, when it is cut or flipped anywhere', async () => {
    expect(files.length).toBeGreaterThan(80);
    let accepted = 0;
    let refused = 0;
    for (const path of files) {
      const data = plain(path);
      // Large files take long to parse: fewer points.
      const points = data.length > 1 << 20 ? 2 : 6;
      for (let i = 1; i <= points; i += 1) {
        const at = Math.floor((data.length * i) / (points + 1));
        const flipped = Buffer.from(data);
        flipped[at] = flipped[at]! ^ 0x11;
        for (const input of [data.subarray(0, at), flipped]) {
          try {
            await readGraph(input, { source: path });
            accepted += 1;
          } catch (error) {
            refused += 1;
            const { code, place } = error as { code?: string; place?: { file?: string } };
            if (!code?.startsWith('ARFUSE_')) throw new Error(`${path} at ${at}`, { cause: error });
            expect(place?.file).toMatch(path);
          }
        }
      }
    }
    expect(accepted).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(files.length);
  }, 240_000);
});
