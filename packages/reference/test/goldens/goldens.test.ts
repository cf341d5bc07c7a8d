import { expect, it } from 'vitest';
import { type RefTensor, ulpDistance } from '../../src/index.ts';
import { evaluateCase, type GoldenCase, type Goldens, readGoldens } from './golden.ts';

/** The first element that is further away than allowed, in words; undefined when there is none. */
function firstDifference(
  expected: RefTensor,
  found: RefTensor,
  { ulp = 0, zeros = false }: GoldenCase,
): string | undefined {
  if (found.dtype !== expected.dtype)
    return `dtype ${found.dtype}, PyTorch gives ${expected.dtype}`;
  if (found.shape.join() !== expected.shape.join())
    return `shape [${found.shape.join(', ')}], PyTorch gives [${expected.shape.join(', ')}]`;
  for (let i = 0; i < expected.data.length; i += 1) {
    const want = expected.data[i]!;
    const have = found.data[i]!;
    if (Object.is(want, have) || (want === 0 && have === 0 && (zeros || ulp > 0))) continue;
    const exact = ulp === 0 || want !== want || have !== have;
    const distance =
      exact || !FLOATS.has(expected.dtype)
        ? Number.POSITIVE_INFINITY
        : ulpDistance(expected.dtype, want, have);
    if (distance > ulp)
      return `element ${i} of ${expected.dtype}: ${Object.is(have, -0) ? '-0' : have}, PyTorch gives ${Object.is(want, -0) ? '-0' : want}`;
  }
  return undefined;
}

const FLOATS: ReadonlySet<string> = new Set(['bf16', 'f16', 'f32']);

/** Sentences for every case of an op that differs from PyTorch. */
function failures({ tensor }: Goldens, cases: readonly GoldenCase[]): string[] {
  const failed: string[] = [];
  for (const golden of cases) {
    const about = `${golden.op}(${JSON.stringify(golden.args)}, ${JSON.stringify(golden.kwargs ?? {})})`;
    let found: ReturnType<typeof evaluateCase>;
    try {
      found = evaluateCase(golden, tensor);
    } catch (error) {
      failed.push(`${about}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const pairs = [
      ...golden.results.map((index, i) => [index, found.results[i]] as const),
      ...(golden.states ?? []).map(([, index], i) => [index, found.states[i]] as const),
    ];
    for (const [index, value] of pairs) {
      if (index === null || !value) continue;
      const difference = firstDifference(tensor(index), value, golden);
      if (difference) failed.push(`${about}: ${difference}`);
    }
  }
  return failed;
}

for (const file of ['ops.json.gz', 'sweeps.json.gz']) {
  const goldens = readGoldens(file);
  const byOp = new Map<string, GoldenCase[]>();
  for (const golden of goldens.cases) byOp.set(golden.op, [...(byOp.get(golden.op) ?? []), golden]);
  for (const [op, cases] of byOp) {
    it(`${op} agrees with PyTorch ${goldens.torch} in ${cases.length} ${file.split('.')[0]}`, () => {
      expect(failures(goldens, cases)).toEqual([]);
    });
  }
}
