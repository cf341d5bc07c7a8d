import { describe, expect, it } from 'vitest';
import { findSites } from '../src/index.ts';
import { CHAIN, essence, INPUTS, reduce, rms } from './chains.ts';
import { program } from './program.ts';

/** A small generator of pseudo-random numbers in [0, 1): equal seeds, equal tests. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Two layers with every trait: escaping all-reduce, merge, sandwich, Gemma weight, quantiser. */
const MODEL = `${INPUTS}
  in x1: bf16[T,64]
  in x2: bf16[T,64]
  in x3: bf16[T,64]
  in w1: bf16[64]${reduce('x', 'a')}${rms('a', 'y0')}${reduce('x1', 'b')}${reduce('x2', 'c')}
  t: bf16[T,64] = aten.add.Tensor(b, c)
  s1: bf16[T,64] = aten.add.Tensor(a, t)${rms('s1', 'y1', 'w1')}${reduce('x3', 'd')}${rms('d', 'p')}
  s2: bf16[T,64] = aten.add.Tensor(s1, p)
  f: f32[T,64] = prims.convert_element_type.default(s2, f32)
  q0: f32[T,64] = aten.pow.Tensor_Scalar(f, 2)
  q1: f32[T,1] = aten.mean.dim(q0, [-1], True)
  q2: f32[T,1] = aten.add.Tensor(q1, 1e-06)
  q3: f32[T,1] = aten.rsqrt.default(q2)
  q4: f32[T,64] = aten.mul.Tensor(f, q3)
  g0: f32[64] = prims.convert_element_type.default(w1, f32)
  g1: f32[64] = aten.add.Tensor(g0, 1.0)
  q5: f32[T,64] = aten.mul.Tensor(q4, g1)
  y2: bf16[T,64] = prims.convert_element_type.default(q5, bf16)
  e0: f32[T,64] = prims.convert_element_type.default(y2, f32)
  e1: f32[T,64] = aten.div.Tensor(e0, g)
  e2: f32[T,64] = aten.clamp.default(e1, -448.0, 448.0)
  e3: f8e4m3fn[T,64] = prims.convert_element_type.default(e2, f8e4m3fn)
  -> y0, y1, e3, s2
`;

const lines = MODEL.split('\n');
const base = findSites(program(MODEL));
/** Lines that define a bf16 or f32 tensor with rows of 64. */
const defining = lines.flatMap((line, index) =>
  /^\s*\w+: (bf16|f32)\[T,64\] =/.test(line) ? [index] : [],
);

it('finds what the model holds', () => {
  expect(base.misses).toEqual([]);
  expect(base.sites.map(({ pattern, allReduces }) => `${pattern} ${allReduces.length}`)).toEqual([
    'ar_rms 1',
    'ar_add_rms 2',
    'ar_prepost_fp8_static 1',
  ]);
});

describe('the sites stay', () => {
  it.each([1, 2, 3])('when values are renamed (%i)', (seed) => {
    const next = random(seed);
    const names = new Map<string, string>();
    const text = MODEL.replace(
      /(?<![\w.'])(x\d?|r|w\d?|g\d?|[a-f]\d?|[a-f]_ar|t|s\d|[py]\d?(?:_\w)?|q\d|e\d)(?=[:,)\s]|$)/gm,
      (name) => {
        if (!names.has(name)) names.set(name, `v${names.size}_${Math.floor(next() * 1e6)}`);
        return names.get(name)!;
      },
    );
    expect(text).not.toBe(MODEL);
    expect(essence(findSites(program(text)))).toEqual(essence(base));
  });

  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'when operands are swapped (%i)',
    (seed) => {
      const next = random(seed);
      const text = MODEL.replace(
        /(aten\.(?:add|mul)\.Tensor)\(([^,()]+), ([^,()]+)\)/g,
        (whole, op, left, right) => (next() < 0.5 ? `${op}(${right}, ${left})` : whole),
      );
      expect(essence(findSites(program(text)))).toEqual(essence(base));
    },
  );

  const noops = [
    (v: string, type: string) => `${v}_k: ${type}[T,64] = aten.alias.default(${v})`,
    (v: string, type: string) => `${v}_k: ${type}[T,64] = aten.clone.default(${v})`,
    (v: string, type: string) => `${v}_k: ${type}[T,64] = aten.detach.default(${v})`,
    (v: string, type: string) => `${v}_k: ${type}[1,T,64] = aten.view.default(${v}, [1, 9, 64])`,
    (v: string, type: string) =>
      `${v}_k: ${type}[T,64] = aten.slice.Tensor(${v}, 0, 0, 9223372036854775807)`,
    (v: string, type: string) =>
      type === 'bf16'
        ? `${v}_z: f32[T,64] = aten.to.dtype(${v}, f32)\n${v}_k: bf16[T,64] = aten.to.dtype(${v}_z, bf16)`
        : `${v}_k: f32[T,64] = method.contiguous(${v})`,
    (v: string, type: string) => `${v}_k: ${type}[T,64] = method.to(${v}, ${type})`,
  ];
  it.each(Array.from({ length: 60 }, (_, seed) => seed))(
    'when no-ops and assertions stand anywhere (%i)',
    (seed) => {
      const next = random(seed + 100);
      const out: string[] = [];
      const renamed = new Map<string, string>();
      for (const line of lines) {
        const read = line.replace(
          /\(([^()]*)\)$/,
          (_whole, args: string) =>
            `(${args
              .split(', ')
              .map((arg) => renamed.get(arg) ?? arg)
              .join(', ')})`,
        );
        out.push(read.startsWith('  ->') ? line : read);
        const match = /^\s*(\w+): (bf16|f32)\[T,64\] =/.exec(line);
        if (!match) continue;
        const [, name, type] = match;
        if (next() < 0.3)
          out.push(`  aten._assert_tensor_metadata.default(${name}, None, None, ${type})`);
        if (next() < 0.35 && !/_ar$/.test(name!)) {
          out.push(`  ${noops[Math.floor(next() * noops.length)]!(name!, type!)}`);
          renamed.set(name!, `${name}_k`);
        }
      }
      const found = findSites(program(out.join('\n')));
      expect(found.misses).toEqual([]);
      expect(essence(found)).toEqual(essence(base));
    },
  );
});

describe('a site goes, and the miss names why', () => {
  const exported = new Set([
    'a',
    'a_ar',
    'y0',
    't',
    's1',
    'y1',
    'd',
    'd_ar',
    'p',
    's2',
    'y2',
    'e3',
    'g0',
    'g1',
    'b_ar',
    'c_ar',
  ]);
  /** Casts that are made again for an outside reader cost nothing. */
  const casts = /_c$|^f$|^e0$/;
  for (const index of defining) {
    const name = /^\s*(\w+):/.exec(lines[index]!)![1]!;
    if (exported.has(name) || casts.test(name)) continue;
    it(`when ${name} is read outside`, () => {
      const text = lines
        .map((line, at) =>
          at === index ? `${line}\n  outside: bf16[T,64] = aten.relu.default(${name})` : line,
        )
        .join('\n')
        .replace('-> ', '-> outside, ');
      const graph = program(text);
      const { sites, misses } = findSites(graph);
      const quant = sites.some(({ pattern }) => pattern.includes('fp8'));
      if (/^e\d/.test(name)) {
        // Without its quantiser the chain is still a site.
        expect(quant).toBe(false);
        expect(sites).toHaveLength(3);
        return;
      }
      const shorter = sites.map(({ pattern }) => pattern).join();
      expect(shorter).not.toBe(base.sites.map(({ pattern }) => pattern).join());
      if (misses.length > 0)
        expect(
          misses.some(
            ({ reason }) => reason.includes('`outside`') && reason.includes(`\`${name}\``),
          ),
        ).toBe(true);
      else expect(/^q\d|^f$/.test(name)).toBe(true);
    });
  }

  it('when a link is cut', () => {
    const graph = program(
      `${CHAIN.replace(
        'y_r: f32[T,1] = aten.rsqrt.default(y_e)',
        'y_r: f32[T,1] = aten.sqrt.default(y_e)',
      )}-> y, s`,
    );
    expect(findSites(graph)).toMatchObject({ sites: [], misses: [{ phase: 'structure' }] });
  });
});

it('is linear in the number of layers', () => {
  const layer = (index: number): string => `
    in z${index}: bf16[T,64]${reduce(`z${index}`, `a${index}`)}
    s${index}: bf16[T,64] = aten.add.Tensor(${index === 0 ? 'r' : `s${index - 1}`}, a${index})${rms(`s${index}`, `y${index}`)}`;
  const graph = program(
    `${INPUTS}${Array.from({ length: 200 }, (_, index) => layer(index)).join('')}\n -> s199, y199`,
  );
  const { sites } = findSites(graph);
  // Nothing reads the norms of the inner layers, so those chains end in nothing.
  expect(sites).toHaveLength(200);
});
