import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { notAGraph, parseFx, printFx } from '../../src/fx/index.ts';
import { bodyOf, canonical, fixture, fixtureFiles, graphOf, noFixtures } from './helpers.ts';

const title = (text: string): string => (noFixtures ? `${text} (skipped: ${noFixtures})` : text);
const files = noFixtures
  ? []
  : ['fx', 'graphs', 'vllm']
      .flatMap(fixtureFiles)
      .filter((path) => /\.(?:py|txt)(?:\.gz)?$/.test(path));

describe.skipIf(noFixtures)(title('printing and reading a real graph'), () => {
  it('gives the same graph, for every dump', () => {
    let graphs = 0;
    for (const path of files) {
      const text = fixture(path);
      if (notAGraph(text) !== null) continue;
      for (const { graph } of parseFx(text)) {
        expect(canonical(graphOf(printFx(graph))), path).toEqual(canonical(graph));
        graphs += 1;
      }
    }
    expect(graphs).toBe(86);
  });
});

describe('printing and reading', () => {
  it('keeps effects, sub-graph arguments, dims, raw text and odd literals', () => {
    const graph = bodyOf(
      "r = torch.ops.acme.inplace(x, 'it\\'s', [s0, 2*s0 + 1], -inf, 1e+20, -0.0);  r = None",
      'x += y;  iadd = x',
      'a = self.layers(iadd, (1,), {1: None}, slice(None, -1, None), 2j)',
      'f = torch.f(a, lambda: a)',
      'return (a, x)',
    );
    expect(canonical(graphOf(printFx(graph)))).toEqual(canonical(graph));
  });

  it('holds for generated arguments', () => {
    const leaf = fc.oneof(
      fc.maxSafeInteger().map(String),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
      fc
        .double({ noNaN: true })
        .map((value) =>
          Number.isFinite(value)
            ? Object.is(value, -0)
              ? '-0.0'
              : /[.e]/.test(String(value))
                ? String(value)
                : `${value}.0`
            : value > 0
              ? 'inf'
              : '-inf',
        ),
      fc
        .string({ unit: 'grapheme' })
        .map((value) => `'${JSON.stringify(value).slice(1, -1).replaceAll("'", "\\'")}'`),
      fc.constantFrom(
        'None',
        'True',
        'False',
        'Ellipsis',
        'x',
        'y',
        's0',
        'torch.bfloat16',
        "device(type='cuda', index=0)",
        'torch.strided',
        'nan',
      ),
    );
    const { value } = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
        fc
          .array(tie('value'), { maxLength: 4 })
          .map((items) => `(${items.join(', ')}${items.length === 1 ? ',' : ''})`),
        fc.tuple(tie('value'), tie('value')).map(([key, item]) => `{${key}: ${item}}`),
      ),
    }));
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 5 }),
        fc.array(value, { maxLength: 2 }),
        (args, kwargs) => {
          const keyword = kwargs.map((item, index) => `k${index} = ${item}`);
          const graph = bodyOf(
            `a: "f32[s0, 8]" = torch.ops.acme.f.default(${[...args, ...keyword].join(', ')})`,
            'return (a,)',
          );
          expect(graph.nodes[0]!.args).toHaveLength(args.length);
          expect(canonical(graphOf(printFx(graph)))).toEqual(canonical(graph));
        },
      ),
      { numRuns: 300 },
    );
  });
});

const SAMPLE = [
  'class GraphModule(torch.nn.Module):',
  '    def forward(self, x: "f32[s0, 8]", w: "f32[8]"):',
  '        # File: a.py:1 in f, code: torch.ops.vllm.all_reduce(x)',
  '        all_reduce: "f32[s0, 8]" = torch.ops.vllm.all_reduce(x, group_name = \'tp:0\');  x = None',
  '        split = all_reduce.split([4, 4], dim = -1)',
  '        getitem: "f32[s0, 4]" = split[0]',
  '        getitem_1: "f32[s0, 4]" = split[1];  split = None',
  '        sub = self.sub(getitem, getitem_1);  getitem = getitem_1 = None',
  '        return (sub, all_reduce)',
  '    class sub(torch.nn.Module):',
  '        def forward(self, a: "f32[s0, 4]", b: "f32[s0, 4]"):',
  '            add: "f32[s0, 4]" = a + b',
  '            return add',
];

describe('decoration of the text', () => {
  const plain = graphOf(SAMPLE.join('\n'));
  const prefixes = [
    'V0804 12:34:12.816000 4711 torch/_inductor/compile_fx.py:1234] [0/0] [__post_grad_graphs] ',
    'V0804 12:34:12.816000 4711 torch/_inductor/compile_fx.py:1234] [__graph_code] ',
    '[rank0]: V0804 12:34:12.816000 4711 torch/x.py:1] [0/1] [__aot_graphs] ',
    '(Worker_TP0 pid=4711) DEBUG 11-23 12:34:56 [compilation/backends.py:12] ',
    '(EngineCore_0 pid=7) ',
    'DEBUG 11-23 12:34:56 [backends.py:12] ',
  ];

  it('is taken off: log prefixes, colours, blank lines, line ends', () => {
    fc.assert(
      fc.property(
        fc.option(fc.constantFrom(...prefixes), { nil: '' }),
        fc.array(fc.nat(SAMPLE.length), { maxLength: 6 }),
        fc.array(
          fc.record({ line: fc.nat(SAMPLE.length - 1), colour: fc.integer({ min: 30, max: 37 }) }),
          { maxLength: 6 },
        ),
        fc.boolean(),
        fc.constantFrom('', 'TRACED GRAPH', ' ===== post_grad =====', 'some message'),
        (prefix, blanks, colours, windows, banner) => {
          const lines = [...SAMPLE];
          for (const { line, colour } of colours) {
            lines[line] = lines[line]!.replace(/^( *)(\w+)/, `$1\u001b[${colour}m$2\u001b[0m`);
          }
          for (const blank of [...blanks].sort((a, b) => b - a)) lines.splice(blank, 0, '');
          const text = [banner, ...lines]
            .map((line) => prefix + line)
            .join(windows ? '\r\n' : '\n');
          const [program] = parseFx(text);
          expect(program!.warnings).toEqual([]);
          expect(canonical(program!.graph)).toEqual(canonical(plain));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('keeps line numbers of the file, sorts interleaved ranks apart, and ignores other output', () => {
    const line = (rank: number, text: string): string =>
      `(Worker_TP${rank} pid=${100 + rank}) DEBUG 11-23 12:34:56 [backends.py:12] ${text}`;
    const mixed = SAMPLE.flatMap((text, index) => [
      line(0, text),
      ...(index === 4 ? ['progress 50%'] : []),
      line(1, text),
    ]);
    const programs = parseFx(mixed.join('\n'));
    expect(programs.map(({ graph }) => graph.meta.rank)).toEqual([0, 1]);
    for (const { graph } of programs) expect(canonical(graph)).toEqual(canonical(plain));
    expect(programs[0]!.graph.nodeByName('all_reduce')?.provenance.line).toBe(7);
    expect(programs[1]!.graph.nodeByName('split')?.provenance.line).toBe(11);
  });
});

describe('damage', () => {
  it('is refused by a typed error or leaves a readable text, wherever the sample is cut or changed', () => {
    const text = SAMPLE.join('\n');
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(30),
        fc.string({ maxLength: 5 }),
        (at, removed, inserted) => {
          const damaged = text.slice(0, at) + inserted + text.slice(at + removed);
          try {
            parseFx(damaged);
          } catch (error) {
            expect(error).toHaveProperty('code', expect.stringMatching(/^ARFUSE_/));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('never accepts a text that is cut off', () => {
    const text = SAMPLE.join('\n');
    // After the outermost return nothing shows that classes are missing: the module could be a leaf. `return a` is whole, too.
    const whole = new Set([
      text.indexOf('all_reduce)\n') + 11,
      text.indexOf('    class sub'),
      text.length - 2,
    ]);
    for (let end = 0; end < text.length; end += 1) {
      const cut = text.slice(0, end);
      if (!whole.has(cut.trimEnd().length) && !whole.has(end))
        expect(() => parseFx(cut), `cut at ${end}`).toThrow();
    }
  });
});
