import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { format } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { repositoryRoot } from '../src/lib/root.mjs';

const folder = join(repositoryRoot, 'examples');

/** What each program is there to show, as lines of its output, in this order. */
const SHOWS: Readonly<Record<string, readonly RegExp[]>> = {
  'compose-policy.mjs': [
    /^site s0: ar_add_rms/m,
    /^ +1 \(graph\): @arfuse\/nccl\/all-reduce \+ @arfuse\/native\/norm/m,
    /why: override\(@arfuse\/nccl\/all-reduce\) for tokens 1–1/,
    /^ +2–\d+ \(graph\): @arfuse\/flashinfer\/one-shot/m,
    /–2048 \(eager\): @arfuse\/flashinfer\/one-shot/,
    /^ +2049–8192 \(eager\): @arfuse\/nccl\/all-reduce/m,
    /^ +@arfuse\/flashinfer\/two-shot: denied/m,
    /^note: c0, tokens .*: shadow policy default would run @arfuse\/flashinfer\/one-shot/m,
  ],
  'publish-table.mjs': [
    /^checked: 0 errors, 0 warnings$/m,
    /^from 1\.0\.0: major$/m,
    /^built-in tables\n(?: {2}.*\n)* {2}.* \(transferred\)$/m,
    /^version 1\n {2}1–256: @arfuse\/flashinfer\/one-shot \(measured\)$/m,
    /^version 2\n {2}1–\d+: @arfuse\/flashinfer\/one-shot \(measured\)$/m,
    /^ {2}\d+–256: @arfuse\/nccl\/all-reduce \+ @arfuse\/native\/norm \(measured\)$/m,
  ],
  'run-on-gpus.mjs': [
    /^\d+ launches on reference: right$/m,
    /^class c0 \[@arfuse\/.*\]: .*residual 0 ULP.*; \d+\.\d µs$/m,
    /^step of \d+ sites, as graph$/m,
    // 3.0 in bfloat16.
    /^sums by rank: 0x4040 0x4040$/m,
  ],
  'rewrite-and-verify.mjs': [
    /^64 tokens: \d+ nodes become \d+$/m,
    /^8192 tokens: \d+ nodes become \d+$/m,
    /^class c0 \[/m,
    /^ {2}function norm: 0 ULP \(required: equality to 1e-10/m,
    /^ {2}kernels residual: 0 ULP \(required: 0 ULP\)$/m,
    /^ {2}program norm: .* \(required: rounding bound of /m,
    /^verified: true$/m,
    /^forged: hash [0-9a-f]{8} is now [0-9a-f]{8}$/m,
    /output "norm" differs by \d+(\.\d+)? ULP at rank \d+, row \d+, column \d+/,
  ],
};

afterEach(() => {
  vi.restoreAllMocks();
});

describe('examples', () => {
  it('are the programs whose output is known here', () => {
    const programs = readdirSync(folder).filter((name) => /\.m?[jt]s$/.test(name));
    expect(programs.sort()).toEqual(Object.keys(SHOWS).sort());
  });

  it.each(Object.entries(SHOWS))('%s shows what it is there to show', async (name, lines) => {
    const printed: string[] = [];
    vi.spyOn(console, 'log').mockImplementation((...args) => {
      printed.push(format(...args));
    });
    await import(/* @vite-ignore */ join(folder, name));
    let rest = printed.join('\n');
    for (const line of lines) {
      expect(rest).toMatch(line);
      rest = rest.slice(rest.search(line));
    }
  });
});
