import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { tidyCommands } from '../src/clang-tidy/commands.mjs';
import { findingsOf } from '../src/clang-tidy/findings.mjs';
import { unpackedProgram } from '../src/clang-tidy/program.mjs';
import { tidyUnit } from '../src/clang-tidy/unit.mjs';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

describe('commands for clang-tidy', () => {
  const entry = (file: string, command: string) => ({ directory: '/b', file, command });

  it('keep those of the host compiler', () => {
    const host = entry('/r/cpp/a.cpp', '/usr/bin/c++ -DA="\\"x y\\"" -Wall -c /r/cpp/a.cpp');
    expect(tidyCommands([host])).toEqual([host]);
  });

  it("turn nvcc's into Clang's, with the folders of its headers", () => {
    const given =
      '/t/bin/nvcc -forward-unknown-to-host-compiler -DA="\\"x y\\"" -isystem=/t/include -L/t/lib -O3 ' +
      '--generate-code=arch=compute_90a,code=[sm_90a] -Xcompiler=-fPIC --compress-mode=size ' +
      '-Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Werror -std=c++17 -x cu -c /r/cpp/a.cu -o a.o';
    const [found] = tidyCommands([entry('/r/cpp/a.cu', given)]);
    expect(found?.command).toMatch(/^clang\+\+ -x cuda .*--cuda-path=\/t .*-Wall -Wextra/);
    expect(found?.command).toMatch(
      / -DA="\\"x y\\"" -isystem \/t\/include -O3 -std=c\+\+17 -c \/r\/cpp\/a\.cu -o a\.o$/,
    );
  });

  it("leave FlashInfer's kernels to nvcc", () => {
    const files = ['/r/cpp/flashinfer/fusion_f16.cu', '/r/cpp/flashinfer/fusion.cpp'];
    expect(tidyCommands(files.map((file) => entry(file, '/usr/bin/c++')))).toHaveLength(1);
  });
});

describe('findings of clang-tidy', () => {
  it('have one place below the root, and their notes', () => {
    const output = [
      '12 warnings generated.',
      '/r/native/cpp/a/../b/c.hpp:3:7: error: it is bad [bugprone-x,-warnings-as-errors]',
      '    3 |   int a;',
      '/r/native/cpp/a/d.cpp:9:1: note: here',
      '/r/native/cpp/a/d.cpp:10:1: warning: so is this [misc-y]',
    ].join('\n');
    expect(findingsOf(output, '/r')).toEqual([
      'native/cpp/b/c.hpp:3: it is bad [bugprone-x]\n  native/cpp/a/d.cpp:9: here',
      'native/cpp/a/d.cpp:10: so is this [misc-y]',
    ]);
  });

  it('are kept when they have no place', () => {
    expect(findingsOf('error: no input files [clang-diagnostic-error]', '/r')).toHaveLength(1);
  });
});

const program = unpackedProgram();

describe.skipIf(program === undefined)('the configured checks', () => {
  /** Findings in a file that includes a header, both below native/cpp as the real ones are. */
  async function tidy(header: string, source: string) {
    const root = mkdtempSync(join(tmpdir(), 'tidy-'));
    folders.push(root);
    const cpp = join(root, 'native/cpp');
    const file = join(cpp, 'planted.cpp');
    mkdirSync(cpp, { recursive: true });
    writeFileSync(join(cpp, 'planted.hpp'), header);
    writeFileSync(file, `#include "planted.hpp"\n${source}`);
    const command = `/usr/bin/c++ -Wall -Wextra -std=c++20 -c ${file}`;
    writeFileSync(
      join(root, 'compile_commands.json'),
      JSON.stringify([{ directory: root, file, command }]),
    );
    return (await tidyUnit(program!, root, file, root)).map((text) => text.split('\n')[0]);
  }

  it('find what is planted in a source and in its header', async () => {
    const found = await tidy(
      'inline int twice(int x) {\n  int result;\n  result = 2 * x;\n  return result;\n}\n',
      'int main() {\n  int* gone = nullptr;\n  return twice(*gone);\n}\n',
    );
    expect(found).toEqual([
      expect.stringMatching(/^native\/cpp\/planted\.cpp:3: .*const.*\[misc-const-correctness\]$/),
      expect.stringMatching(
        /^native\/cpp\/planted\.cpp:4: .*\[clang-analyzer-core\.NullDereference\]$/,
      ),
      expect.stringMatching(
        /^native\/cpp\/planted\.hpp:2: .*\[cppcoreguidelines-init-variables\]$/,
      ),
    ]);
  });

  it("find Clang's own warnings, and what does not compile", async () => {
    expect(await tidy('', 'int main(int count, char**) { return missing; }\n')).toEqual(
      expect.arrayContaining([
        expect.stringContaining("undeclared identifier 'missing'"),
        expect.stringContaining('[clang-diagnostic-unused-parameter]'),
      ]),
    );
  });

  it('find nothing in what is right', async () => {
    expect(
      await tidy(
        'inline int twice(int x) { return 2 * x; }\n',
        'int main() { return twice(1); }\n',
      ),
    ).toEqual([]);
  });
});
