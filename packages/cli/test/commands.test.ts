import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { arfuse, badLines, fixture, LLAMA, TARGET, TINY, temporaryFolder } from './cli.ts';

let planText: string;

beforeAll(async () => {
  const { code, out } = await arfuse(['plan', TINY, '--target', TARGET, '--json']);
  expect(code).toBe(0);
  planText = out;
});

function planFile(): string {
  const path = join(temporaryFolder(), 'plan.json');
  writeFileSync(path, planText);
  return path;
}

/** The one document of `--json`, from an output that must hold nothing else. */
async function json(args: readonly string[], code = 0): Promise<Record<string, unknown>> {
  const ran = await arfuse([...args, '--json']);
  expect(ran.code, ran.err).toBe(code);
  expect(ran.err).toBe('');
  return JSON.parse(ran.out) as Record<string, unknown>;
}

/** Human output, which must fit 100 columns. */
async function text(args: readonly string[], code = 0): Promise<string> {
  const ran = await arfuse(args);
  expect(ran.code, ran.err).toBe(code);
  expect(badLines(ran.out)).toEqual([]);
  return ran.out;
}

describe('plan', () => {
  it('prints counts and a table of decisions', async () => {
    const out = await text(['plan', TINY, '--target', TARGET]);
    expect(out.replace(/[0-9a-f]{64}/, '<hash>')).toMatchInlineSnapshot(`
      "target   h200-sxm,world=2,tokens=8192,multicast=off
      graph    251 nodes, 4 all-reduces: 4 sites (0 merged), 0 plain, 0 already fused
      tables   h200-sxm-2x@1.0.0, vllm-0.33@1.0.0, 8 more not cited
      hash     <hash>

      class  sites             tokens  mode   steps                  µs  evidence
      c0     3 × ar_add_rms     1–120  graph  flashinfer/one-shot     -  published
                              121–512  graph  flashinfer/one-shot  6.03  transferred
                             513–8192  eager  flashinfer/one-shot  8.90  transferred
      c1     1 × ar_add_rms     1–120  graph  flashinfer/one-shot     -  published
                              121–512  graph  flashinfer/one-shot  6.03  transferred
                             513–8192  eager  flashinfer/one-shot  8.90  transferred
      "
    `);
  });

  it('prints with --json what --out writes, and that is one plan', async () => {
    const path = join(temporaryFolder(), 'plan.json');
    const ran = await arfuse(['plan', TINY, '--target', TARGET, '--json', '--out', path]);
    expect(ran).toEqual({ code: 0, out: planText, err: '' });
    expect(readFileSync(path, 'utf8')).toBe(planText);
    expect(JSON.parse(planText)).toMatchObject({
      kind: 'arfuse.plan',
      summary: { allReduces: 4, sites: 4, merged: 0, plain: 0, alreadyFused: 0 },
    });
  });

  it('says where it wrote the plan', async () => {
    const path = join(temporaryFolder(), 'plan.json');
    expect(await text(['plan', TINY, '--target', TARGET, '--out', path])).toContain(
      `written to ${path}`,
    );
  });

  it('reads standard input', async () => {
    const ran = await arfuse(['plan', '-', '--target', TARGET, '--json'], {
      stdin: readFileSync(LLAMA),
    });
    expect(ran.err).toBe('');
    expect(JSON.parse(ran.out)).toMatchObject({ summary: { allReduces: 64, sites: 64 } });
  });

  it('uses colour on a terminal only, and obeys NO_COLOR and FORCE_COLOR', async () => {
    const coloured = async (tty: boolean, env: Record<string, string>): Promise<boolean> =>
      (await arfuse(['plan', TINY, '--target', TARGET], { tty, env })).out.includes('\x1b[');
    expect(await coloured(false, {})).toBe(false);
    expect(await coloured(true, {})).toBe(true);
    expect(await coloured(true, { TERM: 'dumb' })).toBe(false);
    expect(await coloured(true, { NO_COLOR: '1' })).toBe(false);
    expect(await coloured(true, { NO_COLOR: '' })).toBe(true);
    expect(await coloured(false, { FORCE_COLOR: '1' })).toBe(true);
    expect(await coloured(true, { FORCE_COLOR: '0' })).toBe(false);
    expect((await arfuse(['plan', TINY, '--target', TARGET, '--json'], { tty: true })).out).toBe(
      planText,
    );
  });
});

describe('explain', () => {
  it('explains a plan, a graph, and a plan on standard input alike', async () => {
    const ofPlan = await text(['explain', planFile()]);
    expect(ofPlan).toContain('4 sites (0 merged)');
    expect(await text(['explain', TINY, '--target', TARGET])).toBe(ofPlan);
    const piped = await arfuse(['explain', '-'], { stdin: planText });
    expect(piped).toEqual({ code: 0, out: ofPlan, err: '' });
  });

  it('shows the nodes of one site before and after the rewrite', async () => {
    const args = ['explain', TINY, '--target', TARGET, '--site', 's1', '--rewrite'];
    const removed = [
      '  - all_reduce_1: bf16[2, s27, 64] = _c10d_functional.all_reduce.default(view_23, "sum", "0")',
      '  - add_477: bf16[2, s27, 64] = aten.add.Tensor(add_392, wait_tensor_1)',
      '  - mul_422: bf16[2, s27, 64] = aten.mul.Tensor(arg13_1, convert_element_type_25)',
    ];
    const words = (out: string): string => out.replace(/\n {4,}(?=\S)/g, ' ');
    const whole = words(await text(args)).split('\n');
    expect(whole).toEqual(expect.arrayContaining(removed));
    // The residual that enters is the one that the site before hands over, not the captured sum.
    expect(whole.filter((line) => line.startsWith('  + '))).toEqual([
      '  + add_477_arfuse: bf16[2, s27, 64], mul_422_arfuse: bf16[2, s27, 64] = arfuse.site(mm_6, ' +
        'residual=add_392_arfuse, weight=arg13_1, site="s1", class="c0", group="0", outputs=["residual", "norm"])',
    ]);
    const steps = words(await text([...args, '64']))
      .split('\n')
      .filter((line) => line.startsWith('  + '));
    expect(steps).toEqual([
      expect.stringContaining('arfuse.step(mm_6, residual=add_392_arfuse, weight=arg13_1, kernel='),
    ]);
    const { rewrite } = await json([...args, '64']);
    expect(rewrite).toMatch(/\n {2}\+ add_477_arfuse: .*"@arfuse\/flashinfer\/one-shot"/);
  });

  it('shows every site without --site, and needs the graph', async () => {
    const all = await text(['explain', TINY, '--target', TARGET, '--rewrite']);
    expect(all.match(/= arfuse\.site\(/g)).toHaveLength(4);
    const ran = await arfuse(['explain', planFile(), '--rewrite']);
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('Give the captured graph and --target to --rewrite.');
    expect(
      (await arfuse(['explain', TINY, '--target', TARGET, '--rewrite', '9000'])).err,
    ).toContain('Its domain is 1 to 8192 tokens.');
  });

  it('explains one site', async () => {
    const out = await text(['explain', planFile(), '--site', 's1']);
    expect(out.split('\n')[0]).toMatch(/^site s1: ar_add_rms at all_reduce\S*/);
    const document = await json(['explain', planFile(), '--site', 's1']);
    expect(document).toMatchObject({
      sites: [{ id: 's1' }],
      decisions: [{ class: 'c0' }],
      text: out,
    });
  });

  it('refuses a site that does not exist, and lists those that do', async () => {
    const ran = await arfuse(['explain', planFile(), '--site', 's9']);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toBe(
      'error ARFUSE_USAGE: the plan has no site "s9". Its sites are s0 s1 s2 s3.\n',
    );
  });
});

describe('verify', () => {
  it('proves a graph with one line per check', async () => {
    const ran = await arfuse(['verify', TINY, '--target', TARGET, '--tokens', '1,3']);
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(badLines(ran.out)).toEqual([]);
    expect(ran.out).toMatch(/^ {2}function {2}residual, norm +0 {2}1e-10 in float64 +ok$/m);
    expect(ran.out).toMatch(/^s0 → s1 +flashinfer\/one-shot +\d+ {2}ok$/m);
    expect(ran.out).toMatch(/\nverified: \d+ checks over 4 sites, rows 1, 3, seed 1\n$/);
  });

  it('takes a group size instead of a target, and says what it assumes', async () => {
    const ran = await arfuse(['verify', TINY, '--world', '2', '--tokens', '1']);
    expect(ran.code).toBe(0);
    expect(ran.err).toBe('note: no --target; planning for h200-sxm,world=2.\n');
  });

  it('proves a plan alone', async () => {
    const document = await json(['verify', planFile(), '--tokens', '1', '--seed', '0']);
    expect(document).toMatchObject({
      passed: true,
      tokens: [1],
      seed: 0,
      chains: [],
      failures: [],
    });
    expect(await text(['verify', planFile(), '--tokens', '1'])).toContain(
      'note Verified without the graph',
    );
  });

  it('ends with 1 when a check fails', async () => {
    const plan = JSON.parse(planText) as {
      classes: { stages: { kind: string; eps?: number }[] }[];
    };
    for (const stage of plan.classes[0]!.stages) if (stage.kind === 'norm') stage.eps = 0.5;
    const { sealPlan } = await import('@arfuse/core');
    const path = join(temporaryFolder(), 'changed.json');
    writeFileSync(path, JSON.stringify(sealPlan(plan as never)));
    const out = await text(['verify', path, '--tokens', '1'], 1);
    expect(out).toMatch(
      /^FAIL class c0 \[@arfuse\/flashinfer\/one-shot\]: function comparison of output "norm"/m,
    );
    expect(out).toMatch(/not verified: \d+ of \d+ checks failed\n$/);
    expect(await json(['verify', path, '--tokens', '1'], 1)).toMatchObject({ passed: false });
  });

  it('refuses another target than the plan has', async () => {
    for (const other of [
      ['--target', 'h200-sxm,world=4'],
      ['--world', '4'],
    ]) {
      const ran = await arfuse(['verify', planFile(), ...other]);
      expect(ran).toMatchObject({ code: 2, out: '' });
      expect(ran.err).toContain('the plan is for h200-sxm,world=2,tokens=8192,multicast=off');
    }
    expect((await arfuse(['verify', planFile(), '--target', TARGET, '--tokens', '1'])).code).toBe(
      0,
    );
    expect((await arfuse(['verify', planFile(), '--world', '2', '--tokens', '1'])).code).toBe(0);
    expect((await arfuse(['verify', TINY, '--target', TARGET, '--world', '2'])).code).toBe(2);
  });
});

describe('inspect', () => {
  it('shows what a capture holds', async () => {
    expect(await text(['inspect', TINY])).toMatchInlineSnapshot(`
      "<lambda>  fx-readable, post_grad level
        251 nodes, 24 inputs; symbols: s27; groups: "0"
        4 all-reduces: 4 sites (4 ar_add_rms), 0 merged, 0 plain, 0 already fused
      "
    `);
    expect(await json(['inspect', LLAMA])).toMatchObject({
      programs: [
        {
          format: 'fx-readable',
          level: 'aten',
          allReduces: 64,
          sites: 64,
          patterns: { ar_add_rms: 64 },
        },
      ],
      skipped: [],
    });
  });

  it('lists the programs of a folder, and shows one of them', async () => {
    const ran = await arfuse(['inspect', fixture('pt2')]);
    expect(badLines(ran.out)).toEqual([]);
    expect(ran.out).toContain('3 qwen3-moe-tiny.tp2.pt2');
    const one = await arfuse(['inspect', fixture('pt2'), '--program', '3']);
    expect(one.out).toContain('3 qwen3-moe-tiny.tp2.pt2');
    expect(one.out).not.toContain('gemma3');
    const none = await arfuse(['inspect', fixture('pt2'), '--program', '9']);
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toMatch(
      /^error ARFUSE_USAGE: there is no program "9"\. The source holds: 1 "gemma3/,
    );
  });

  it('names the rows that are in no site', async () => {
    const out = await text(['inspect', TINY, '--redact']);
    expect(out).not.toContain('ended at');
  });
});

describe('several programs and ranks', () => {
  it('takes the largest and says so, or the one that --program names', async () => {
    const largest = await arfuse(['plan', fixture('pt2'), '--target', TARGET]);
    expect(largest.err).toMatch(
      /^note: 3 programs; using \d "\S+", which has the most all-reduces \(4\)\./m,
    );
    const named = await arfuse([
      'plan',
      fixture('pt2'),
      '--target',
      TARGET,
      '--program',
      'llama-tiny.tp2.pt2',
      '--json',
    ]);
    const alone = await arfuse([
      'plan',
      fixture('pt2/llama-tiny.tp2.pt2'),
      '--target',
      TARGET,
      '--json',
    ]);
    expect(JSON.parse(named.out)).toMatchObject({
      hash: (JSON.parse(alone.out) as { hash: string }).hash,
    });
  });

  it('says where the rank folders suggest another group size', async () => {
    const folder = fixture('llama-tiny-gloo');
    const four = await arfuse(['plan', folder, '--target', 'h200-sxm,world=4']);
    expect(four.code).toBe(0);
    expect(four.err).toContain('note: the source holds 2 ranks, the target says world=4.');
    expect((await arfuse(['plan', folder, '--target', TARGET])).err).not.toContain(
      'the source holds',
    );
  });
});

describe('table', () => {
  it('lists the tables', async () => {
    const out = await text(['table', 'list']);
    expect(out).toMatch(/^h200-sxm-2x +1\.0\.0 +measured +\d+ {2}2 x H200 SXM/m);
    const ran = await arfuse(['table', 'list', '--json']);
    const tables = JSON.parse(ran.out) as { name: string; rows: number }[];
    expect(
      tables.find(({ name }) => name === '@arfuse/thresholds/vllm-0.33')?.rows,
    ).toBeGreaterThan(100);
  });

  it('shows every table within 100 columns, by its full or short name', async () => {
    const { out } = await arfuse(['table', 'list', '--json']);
    for (const { name, version } of JSON.parse(out) as { name: string; version: string }[]) {
      const shown = await text(['table', 'show', name]);
      expect(shown.split('\n').length).toBeGreaterThan(8);
      expect(
        await text(['table', 'show', `${name.replace('@arfuse/thresholds/', '')}@${version}`]),
      ).toBe(shown);
    }
    expect(await json(['table', 'show', 'vllm-0.33'])).toMatchObject({ kind: 'limits' });
  });

  it('prints the cost models with their errors, and which may not decide', async () => {
    const out = await text(['table', 'models']);
    expect(out).toMatch(
      /^ {2}h200-sxm +2 +ar_add_rms +flashinfer\/one-shot +10 +5\.32 +4\.03 +9\.8 % +yes$/m,
    );
    expect(out).toMatch(/^ {2}h200-sxm +2 +add_rms +native\/norm +12 .* 25\.7 % +no$/m);
    const ran = await arfuse(['table', 'models', '--json']);
    const models = JSON.parse(ran.out) as { error: number; decides: boolean }[];
    expect(models.length).toBeGreaterThan(15);
    expect(models.every(({ error, decides }) => decides === error < 0.25)).toBe(true);
  });

  it('lists the names when there is no such table', async () => {
    const ran = await arfuse(['table', 'show', 'nothing']);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/there is no table "nothing"\. Known tables: h200-sxm-2x, /);
  });
});

describe('export vllm', () => {
  it('prints the configuration, and what it cannot say on standard error', async () => {
    const ran = await arfuse(['export', 'vllm', planFile()]);
    expect(ran.code, ran.err).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ pass_config: {} });
    expect(ran.err).toContain("--compilation-config '{");
    const document = await json(['export', 'vllm', TINY, '--target', TARGET]);
    expect(document.config).toEqual(JSON.parse(ran.out));
  });
});

describe('export to other engines', () => {
  it("prints the rows of vLLM's own tables for a pull request", async () => {
    const out = await text(['export', 'vllm', LLAMA, '--target', TARGET, '--table']);
    expect(out).toMatch(/^# vllm\/compilation\/passes\/fusion\/allreduce_rms_fusion\.py$/m);
    expect(out).toMatch(/^2: \d+(\.\d+)?,$/m);
  });

  it('prints TensorRT-LLM arguments, and the plan itself', async () => {
    const ran = await arfuse(['export', 'tensorrt-llm', planFile()]);
    expect(ran.code, ran.err).toBe(0);
    expect(ran.out).toContain('allreduce_strategy');
    expect(ran.err).toMatch(/^valid for /m);
    expect((await arfuse(['export', 'json', planFile()])).out).toBe(planText);
    expect((await arfuse(['export', 'json', planFile(), '--json'])).out).toBe(planText);
  });
});

describe('export sglang', () => {
  it('prints variables and flags of one launch, and what they cannot express', async () => {
    const ran = await arfuse(['export', 'sglang', planFile()]);
    expect(ran.code, ran.err).toBe(0);
    for (const line of ran.out.trimEnd().split('\n')) expect(line).toMatch(/^(SGLANG_\w+=|--)/);
    expect(ran.err).toMatch(/^valid for SGLang 0\.5\.23/m);
    const document = await json(['export', 'sglang', planFile()]);
    expect(document).toMatchObject({ target: 'sglang', engineVersion: '0.5.23' });
  });
});

describe('engine', () => {
  const VLLM = ['--target', `${TARGET},buckets=1:8:64`, '--engine', 'vllm@0.33'];

  it('prints launch sizes with today and best, then what to change, then what it takes for granted', async () => {
    const out = await text(['engine', LLAMA, ...VLLM, '--mix', '1,8:2,64,8192']);
    const [head] = out.split('\n\n');
    expect(head).toMatch(
      /^vllm@0\.33 \(0\.33\.0\), h200-sxm,world=2,.*its\s+matcher\s+fuses\s+64\s+of\s+64\s+sites$/s,
    );
    expect(out).toMatch(/^ *tokens +ops +today +best +today µs +best µs +saves +evidence$/m);
    expect(out).toMatch(
      /^ *8192 +63 × c0 +flashinfer\/two-shot +as today +20018 +20018 +0 +transferred$/m,
    );
    expect(out).toMatch(/^change$/m);
    expect(out).toMatch(/^ {2}VLLM_ALLREDUCE_USE_SYMM_MEM: true \(default\)/m);
    expect(out).toMatch(/^warning The graph reduces by _c10d_functional\.all_reduce/m);
    const document = await json(['engine', 'report', LLAMA, ...VLLM, '--mix', '1,8:2,64,8192']);
    expect(document).toMatchObject({ engine: 'vllm@0.33', release: '0.33.0', measureWith: null });
    expect((document.launches as { share: number }[]).map(({ share }) => share)).toEqual([
      0.2, 0.4, 0.2, 0.2,
    ]);
  });

  it('reports the same from a plan, and as Markdown', async () => {
    const path = join(temporaryFolder(), 'plan.json');
    expect((await arfuse(['plan', TINY, ...VLLM, '--out', path])).code).toBe(0);
    expect(await text(['engine', path])).toBe(await text(['engine', TINY, ...VLLM]));
    const ran = await arfuse(['engine', path, '--markdown']);
    expect(ran.out).toMatch(/^## vllm@0\.33: all-reduce \+ norm today and at best$/m);
    expect(ran.out).toMatch(/^\| tokens \| ops \| today \| best \|/m);
    expect(ran.out).toMatch(/^\| `VLLM_ALLREDUCE_USE_FLASHINFER` \| true \| default \|/m);
  });

  it('takes settings of the engine, and counts in the plan what its matcher fuses', async () => {
    const off = ['--engine-config', 'pass_config.fuse_allreduce_rms=false'];
    const document = await json(['plan', TINY, ...VLLM, ...off]);
    expect(document).toMatchObject({
      summary: { sites: 4, engineFused: 0 },
      engine: { settings: { config: { 'pass_config.fuse_allreduce_rms': 'false' }, env: {} } },
    });
    expect(await json(['plan', TINY, ...VLLM])).toMatchObject({ summary: { engineFused: 4 } });
  });

  it.each([
    [
      ['--engine', 'vllm@0.30'],
      /the dispatch of "vllm@0\.30" is not known; known are vllm@0\.32, vllm@0\.33/,
    ],
    [['--engine', 'vllm@0.33', '--engine-env', 'VLLM_X'], /--engine-env "VLLM_X" is no setting/],
    [
      ['--engine', 'vllm@0.33', '--engine-env', 'A=1', '--engine-env', 'A=2'],
      /--engine-env A is given twice/,
    ],
    [['--engine', 'vllm@0.33', '--engine-env', 'VLLM_X=1'], /no environment variable "VLLM_X"/],
    [['--engine-env', 'A=1'], /settings of an engine are given, but no engine/],
    [[], /the plan was made without an engine/],
  ])('refuses %j', async (args, sentence) => {
    const ran = await arfuse(['engine', TINY, '--target', TARGET, ...args]);
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(sentence);
  });

  it('refuses a mix that is none, and one outside of the target', async () => {
    for (const mix of ['1:0', 'x', '1;2', '9000'])
      expect((await arfuse(['engine', TINY, ...VLLM, '--mix', mix])).code, mix).toBe(2);
  });
});

describe('help', () => {
  it('prints help and version, and ends with 0', async () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    ) as { version: string };
    expect(await text(['--version'])).toBe(`${version}\n`);
    expect(await text(['--help'])).toContain('Usage: arfuse [options] [command]');
    for (const command of [
      'inspect',
      'plan',
      'explain',
      'verify',
      'run',
      'table',
      'export',
      'engine',
    ]) {
      expect(await text([command, '--help'])).toContain(`Usage: arfuse ${command}`);
    }
  });
});
