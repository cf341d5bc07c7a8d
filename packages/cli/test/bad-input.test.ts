import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { arfuse, LLAMA, TARGET, TINY, temporaryFolder } from './cli.ts';

/** Refused: exit code 2, nothing on standard output, one typed error, no stack trace. */
async function refused(args: readonly string[], code: string, sentence: RegExp): Promise<void> {
  const human = await arfuse(args);
  expect(human, human.err).toMatchObject({ code: 2, out: '' });
  expect(human.err).toMatch(new RegExp(`^error ${code}: `, 'm'));
  expect(human.err).toMatch(sentence);
  expect(human.err).not.toMatch(/^\s+at /m);
  const machine = await arfuse([...args, '--json']);
  expect(machine.code).toBe(2);
  const { error } = JSON.parse(machine.out) as { error: { code: string; message: string } };
  expect(error.code).toBe(code);
  expect(error.message).toMatch(sentence);
}

const plan = (path: string, ...more: string[]): string[] => [
  'plan',
  path,
  '--target',
  TARGET,
  ...more,
];

function file(name: string, content: string | Uint8Array): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

describe('native build', () => {
  it('refuses an architecture that is none, before it does anything', () =>
    refused(
      ['native', 'build', '--archs', '90a,sm_80'],
      'ARFUSE_USAGE',
      /"sm_80" is no GPU architecture\./,
    ));
});

describe('sources', () => {
  it('refuses what does not exist', () =>
    refused(plan('no/such/graph.txt'), 'ARFUSE_IO', /"no\/such\/graph\.txt" does not exist\./));

  it('refuses a folder without graphs', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'notes.txt'), 'nothing here\n');
    await refused(plan(folder), 'ARFUSE_GRAPH_FORMAT', /holds no captured graph/);
  });

  it('refuses an empty folder', () =>
    refused(plan(temporaryFolder()), 'ARFUSE_GRAPH_FORMAT', /is empty|holds no captured graph/));

  it('refuses an empty file', () =>
    refused(plan(file('empty.txt', '')), 'ARFUSE_GRAPH_FORMAT', /empty\.txt.*empty/));

  it('refuses a binary file', () =>
    refused(
      plan(file('a.out', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 1, 2, 3))),
      'ARFUSE_GRAPH_FORMAT',
      /a\.out/,
    ));

  it('refuses a pickle', () =>
    refused(
      plan(file('m.pkl', Uint8Array.of(0x80, 4, 0x95, 5, 0, 0, 0, 0, 0, 0, 0, 0x8c))),
      'ARFUSE_GRAPH_FORMAT',
      /m\.pkl.*[Pp]ickle/,
    ));

  it('refuses gzip that is cut off', () =>
    refused(
      plan(file('cut.txt.gz', readFileSync(LLAMA).subarray(0, 5000))),
      'ARFUSE_GRAPH_FORMAT',
      /cut\.txt\.gz/,
    ));

  it('refuses text that is cut off, with its line', () =>
    refused(
      plan(file('cut.txt', readFileSync(TINY, 'utf8').slice(0, 6000))),
      'ARFUSE_GRAPH_FORMAT',
      /cut\.txt:\d+/,
    ));

  it('refuses standard input that is no graph, by the name <stdin>', async () => {
    const ran = await arfuse(plan('-'), { stdin: 'hello\n' });
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/^error ARFUSE_GRAPH_FORMAT: <stdin>:1:1: no graph was found/);
  });

  it('refuses more than --max-bytes', () =>
    refused(plan(LLAMA, '--max-bytes', '1000'), 'ARFUSE_LIMIT', /1000|1,000/));

  it('refuses a program that is not there', () =>
    refused(
      plan(TINY, '--program', 'decode'),
      'ARFUSE_USAGE',
      /there is no program "decode"\. The source holds: 1 "/,
    ));
});

describe('targets', () => {
  it('asks for one', () =>
    refused(['plan', TINY], 'ARFUSE_USAGE', /no target\. .*--target h200-sxm,world=8/));

  it('says first that the source is not there', () =>
    refused(['verify', 'nosuch.json'], 'ARFUSE_IO', /"nosuch\.json" does not exist/));

  it('never guesses the group size', () =>
    refused(['plan', TINY, '--target', 'h200-sxm'], 'ARFUSE_TARGET_INVALID', /no world size/));

  it('names the nearest spelling', () =>
    refused(
      ['plan', TINY, '--target', 'h20-sxm,world=2'],
      'ARFUSE_TARGET_INVALID',
      /Did you mean "h200-sxm"\?/,
    ));

  it('refuses another size than the graph states', () => {
    const text = `class GraphModule(torch.nn.Module):
    def forward(self, x: "bf16[4, 64]"):
        gathered: "bf16[8, 64]" = torch.ops._c10d_functional.all_gather_into_tensor.default(x, 2, '0')
        waited: "bf16[8, 64]" = torch.ops._c10d_functional.wait_tensor.default(gathered)
        reduced: "bf16[8, 64]" = torch.ops._c10d_functional.all_reduce.default(waited, 'sum', '0')
        result: "bf16[8, 64]" = torch.ops._c10d_functional.wait_tensor.default(reduced)
        return (result,)
`;
    return refused(
      ['plan', file('graph.txt', text), '--target', 'h200-sxm,world=4'],
      'ARFUSE_TARGET_INVALID',
      /group "0" has 2 ranks in the graph, and 4 in the target\./,
    );
  });
});

describe('plans', () => {
  let text: string;
  beforeAll(async () => {
    text = (await arfuse([...plan(TINY), '--json'])).out;
  });

  it('refuses a hash that does not fit', async () => {
    const changed = text.replace('"mode":"graph"', '"mode":"eager"');
    expect(changed).not.toBe(text);
    for (const command of ['explain', 'verify', 'run']) {
      await refused(
        [command, file('plan.json', changed)],
        'ARFUSE_PLAN_INVALID',
        /plan\.json#\/hash: the plan's hash is [0-9a-f]{64}/,
      );
    }
  });

  it('refuses an unknown version', () =>
    refused(
      [
        'explain',
        file(
          'plan.json',
          text.replace(
            /"specificationVersion":1(?!.*"specificationVersion")/,
            '"specificationVersion":2',
          ),
        ),
      ],
      'ARFUSE_SPECIFICATION_VERSION',
      /the plan.* 2/,
    ));

  it('refuses one that is cut off', () =>
    refused(
      ['explain', file('plan.json', text.slice(0, -40))],
      'ARFUSE_PLAN_INVALID',
      /plan\.json: the plan is no JSON/,
    ));

  it('refuses a graph where a plan is needed', () =>
    refused(['run', TINY], 'ARFUSE_PLAN_INVALID', /no JSON/));
});

describe('options', () => {
  it.each([
    [
      ['verify', TINY, '--target', TARGET, '--tokens', '0'],
      /expected a whole number ≥ 1, received "0"/,
    ],
    [['verify', TINY, '--target', TARGET, '--tokens', 'abc'], /received "abc"/],
    [['verify', TINY, '--target', TARGET, '--tokens', '1,,2'], /received ""/],
    [['run', TINY, '--on', 'cuda'], /Allowed choices are gpu, reference/],
    [['plan'], /missing required argument 'graph'/],
    [['plan', TINY, 'another'], /too many arguments/],
    [['plan', TINY, '--targt', TARGET], /unknown option '--targt'\s+\(Did you mean --target\?\)/],
    [['pln', TINY], /unknown command 'pln'\s+\(Did you mean plan\?\)/],
    [['plan', TINY, '--target', TARGET, '--out', '-'], /--out "-" is no file\. .*--json/],
  ])('refuses %j', (args, sentence) => refused(args, 'ARFUSE_USAGE', sentence));

  it('prints the commands when none is given', async () => {
    const ran = await arfuse([]);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain('Usage: arfuse [options] [command]');
  });
});

describe('outputs', () => {
  it('leaves nothing behind when it fails', async () => {
    const folder = temporaryFolder();
    const cut = file('cut.txt', readFileSync(TINY, 'utf8').slice(0, 6000));
    await refused(plan(cut, '--out', join(folder, 'plan.json')), 'ARFUSE_GRAPH_FORMAT', /cut\.txt/);
    await refused(
      plan(TINY, '--out', join(folder, 'no', 'plan.json')),
      'ARFUSE_IO',
      /cannot write ".*no\/plan\.json": ENOENT/,
    );
    mkdirSync(join(folder, 'taken'));
    await refused(plan(TINY, '--out', join(folder, 'taken')), 'ARFUSE_IO', /cannot write/);
    expect(readdirSync(folder)).toEqual(['taken']);
    expect(readdirSync(join(folder, 'taken'))).toEqual([]);
  });

  it('replaces a file as a whole', async () => {
    const path = file('plan.json', 'old');
    expect((await arfuse(plan(TINY, '--out', path))).code).toBe(0);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ kind: 'arfuse.plan' });
    expect(readdirSync(join(path, '..'))).toEqual(['plan.json']);
  });
});

describe('stack traces', () => {
  it('are printed for DEBUG=arfuse only', async () => {
    const args = ['plan', 'missing', '--target', TARGET];
    expect((await arfuse(args, { env: { DEBUG: 'arfuse' } })).err).toMatch(/^\s+at /m);
    expect((await arfuse(args, { env: { DEBUG: 'other' } })).err).not.toMatch(/^\s+at /m);
  });
});
