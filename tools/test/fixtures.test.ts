import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

const fixtures = new URL('../../fixtures/', import.meta.url);
const rows = [
  ...readFileSync(new URL('README.md', fixtures), 'utf8').matchAll(
    /^\| `([^`]+)` \| (\d+) \| `([0-9a-f]{64})` \|$/gm,
  ),
].map((match) => ({ file: match[1] ?? '', bytes: Number(match[2]), sha256: match[3] }));

function bytesOf(file: string): Buffer {
  return readFileSync(new URL(file, fixtures));
}

function textOf(file: string): string {
  const bytes = bytesOf(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1');
}

describe('fixtures', () => {
  it('are listed in their README, each one', () => {
    const present = ['graphs', 'pt2', 'llama-tiny-gloo'].flatMap((folder) =>
      readdirSync(new URL(folder, fixtures)).map((name) => `${folder}/${name}`),
    );
    expect(rows.map((row) => row.file).sort()).toEqual(present.sort());
  });

  it.each(rows)('$file has the recorded size and SHA-256', ({ file, bytes, sha256 }) => {
    expect(bytesOf(file)).toHaveLength(bytes);
    expect(createHash('sha256').update(bytesOf(file)).digest('hex')).toBe(sha256);
  });

  it.each(rows)('$file quotes no source line', ({ file }) => {
    const text = textOf(file);
    expect(text).not.toMatch(/, code: /);
    expect(text).not.toMatch(/"loc": ?"[^"]/);
    for (const [, literal] of text.matchAll(/"stack_trace"\s*:\s*("(?:[^"\\]|\\.)*")/g)) {
      for (const line of String(JSON.parse(literal ?? '""')).split('\n')) {
        expect(line).toMatch(/^\s*File "[^"]+", line \d+(, in .*)?$/);
      }
    }
  });

  it.each(rows)('$file names no user folder', ({ file }) => {
    expect(textOf(file)).not.toMatch(/\/(home|Users)\/\w/);
  });
});
