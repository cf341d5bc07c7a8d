import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { centralDirectory, dataStart, stripArchive } from '../src/strip/archive.mjs';
import { crc32Of } from '../src/strip/crc32.mjs';
import { stripFxText, stripGuards } from '../src/strip/fx-text.mjs';
import { stripJson, stripStackTrace } from '../src/strip/stack-trace.mjs';
import { stripTraceLog } from '../src/strip/trace-log.mjs';
import { stripFile } from '../src/strip-sources.mjs';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));

describe('strip-sources', () => {
  it('cuts the quoted code of a file comment and nothing else', () => {
    const text = '    # File: a/b.py:12 in forward, code: x = y, z\n    add: "f32[2]" = f(x)\n';
    expect(stripFxText(text)).toBe('    # File: a/b.py:12 in forward\n    add: "f32[2]" = f(x)\n');
    expect(stripFxText('# No stacktrace found for following nodes')).toContain('No stacktrace');
  });

  it('keeps the frames of a stack trace', () => {
    const trace =
      'File "a.py", line 1, in f\n    y = g(x)\n        ^^^^\n  File "b.py", line 2, in g\n    return 1';
    expect(stripStackTrace(trace)).toBe('File "a.py", line 1, in f\n  File "b.py", line 2, in g');
  });

  it('leaves text without frames alone', () => {
    const text = 'class M:\n    def forward(self, x):\n\n        return x';
    expect(stripStackTrace(text)).toBe(text);
  });

  it('cuts the source line of a guard', () => {
    expect(stripGuards('| +- X: len(a) == 2     # f(a)  # t/u.py:939 in wrapper (HINT: x)')).toBe(
      '| +- X: len(a) == 2  # t/u.py:939 in wrapper (HINT: x)',
    );
    expect(stripGuards('| +- Y: a  # t/u.py:9 in g')).toBe('| +- Y: a  # t/u.py:9 in g');
  });

  it('keeps 64-bit integers, NaN and spacing of JSON', () => {
    const json =
      '{"end": 9223372036854775807, "x": NaN, "stack_trace": "File \\"a.py\\", line 1, in f\\n    y", "loc": "z"}';
    expect(stripJson(json)).toBe(
      '{"end": 9223372036854775807, "x": NaN, "stack_trace": "File \\"a.py\\", line 1, in f", "loc": ""}',
    );
  });

  it('computes the MD5 of a changed payload anew', () => {
    const log =
      'V0101 00:00:00.1 1 a.py:1] {"g": {"stack": [{"loc": "q"}]}, "has_payload": "00000000000000000000000000000000"}\n' +
      '\t# File: a.py:1 in f, code: x\n\t\n';
    const digest = createHash('md5').update('# File: a.py:1 in f\n').digest('hex');
    expect(stripTraceLog(log)).toBe(
      `V0101 00:00:00.1 1 a.py:1] {"g": {"stack": [{"loc": ""}]}, "has_payload": "${digest}"}\n\t# File: a.py:1 in f\n\t\n`,
    );
  });

  it.each([0, 1])('every payload of the fixture log of rank %i has its MD5', (rank) => {
    const log = gunzipSync(
      fixture(`llama-tiny-gloo/dedicated_log_torch_trace_rank_${rank}.log.gz`),
    ).toString();
    const records = log.split(/^(?=[VIWEC]\d{4} )/m);
    const checked = records.flatMap((record) => {
      const digest = /"has_payload": "([0-9a-f]{32})"/.exec(record)?.[1];
      const payload = record.trimEnd().split('\n').slice(1);
      return digest === undefined
        ? []
        : [{ digest, payload: payload.map((line) => line.slice(1)).join('\n') }];
    });
    expect(checked.length).toBe(rank === 0 ? 154 : 156);
    for (const { digest, payload } of checked) {
      const candidates = [payload, `${payload}\n`].map((text) =>
        createHash('md5').update(text).digest('hex'),
      );
      expect(candidates).toContain(digest);
    }
  });

  it('has the CRC-32 of the ZIP specification', () => {
    expect(crc32Of(Buffer.from('123456789'))).toBe(0xcbf43926);
  });

  it('changes only the JSON of an archive, at its place, with its checksum', () => {
    const original = fixture('pt2/llama-tiny.tp2.pt2');
    const model = centralDirectory(original).find((entry) =>
      entry.name.endsWith('models/model.json'),
    );
    if (!model) throw new Error('the fixture has no model');
    const start = dataStart(original, model.localHeader);
    const quoted = Buffer.from(original);
    // Puts a source line back: the padding at the end of the member makes room for it.
    const json = quoted.toString('utf8', start, start + model.size).trimEnd();
    const longer = json.replace(/("stack_trace":\s*"(?:[^"\\]|\\.)*)"/, '$1\\n    quoted = line"');
    expect(longer.length).toBeGreaterThan(json.length);
    quoted.fill(0x20, start, start + model.size).write(longer, start);
    expect(stripArchive(quoted).equals(original)).toBe(true);
  });

  it('is idempotent on every kind of fixture', () => {
    for (const name of [
      'graphs/llama3-8b.tp2.fx.txt.gz',
      'pt2/qwen3-moe-tiny.tp2.pt2',
      'llama-tiny-gloo/rank0.post_grad.graph_str.txt',
    ]) {
      expect(stripFile(name.split('/')[1] ?? '', fixture(name)).equals(fixture(name))).toBe(true);
    }
  });
});
