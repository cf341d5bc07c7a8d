import { ArfuseError } from '@arfuse/contract';
import { describe, expect, it } from 'vitest';
import { readExportedProgram } from '../src/exported/index.ts';
import { parseFx } from '../src/fx/index.ts';
import type { JsonValue } from '../src/json/parse-json.ts';
import { cut, quote } from '../src/quote.ts';
import { smallProgram } from './programs.ts';

const LONG = 'z'.repeat(190_000);
/** Message, hint, place and details together, as JSON. */
const MOST = 2000;

/** The length of the error with which an input is refused, or 0 when it is read. */
function errorLength(read: () => unknown): number {
  try {
    read();
  } catch (error) {
    if (!ArfuseError.isInstance(error)) throw error;
    return JSON.stringify(error).length;
  }
  return 0;
}

describe('quoted pieces of the input', () => {
  it('are whole up to 80 characters, then lose their middle', () => {
    expect(cut('a'.repeat(80))).toBe('a'.repeat(80));
    expect(cut(`${'a'.repeat(80)}b`)).toBe(`${'a'.repeat(59)}…${'a'.repeat(19)}b`);
    expect(cut('abcdefghijkl', 8)).toBe('abcde…kl');
    expect(quote('a"\n')).toBe('"a\\"\\n"');
  });

  it('hold no half of a surrogate pair', () => {
    const cuts = Array.from({ length: 8 }, (_, shift) =>
      cut('x'.repeat(shift) + '😀'.repeat(200), 40 + (shift % 3)),
    );
    for (const text of cuts) expect(text).not.toMatch(/\p{Surrogate}/u);
  });

  it.each([
    ['an undefined name', `a = x + ${LONG}`],
    ['a duplicate name', `${LONG} = x + x\n        ${LONG} = x * x`],
    ['a duplicate keyword', `a = f(${LONG} = 1, ${LONG} = 2)`],
    ['an unreadable statement', `a = [all_reduce(${LONG}) for i in x]`],
    ['a missing piece', `a = self.submod_${LONG}_1(x)\n        b = self.submod_1(x)`],
    ['an endless string', `a = f(x, '${LONG})`],
    ['an open bracket', `a = f(x, ${LONG}`],
    ['a second statement', `return (x,)\n        ${LONG}`],
    ['a huge integer', `a = x * ${'9'.repeat(190_000)}`],
  ])('are short in the error for %s of FX text', (_what, body) => {
    const text = `class G(torch.nn.Module):\n    def forward(self, x: "f32[8]"):\n        ${body}\n        return (a,)\n`;
    const length = errorLength(() => parseFx(text, { source: 'g.py' }));
    expect(length).toBeGreaterThan(0);
    expect(length).toBeLessThan(MOST);
  });

  it('are short wherever a string, a number or a name of an ExportedProgram is huge', () => {
    let refused = 0;
    const check = (document: JsonValue): void => {
      const length = errorLength(() => readExportedProgram(document, { source: 'm.json' }));
      if (length > 0) refused += 1;
      expect(length).toBeLessThan(MOST);
    };
    const visit = (value: unknown, replace: (changed: unknown) => void): void => {
      if (typeof value === 'string') for (const one of [LONG, `s0 + ${LONG}(`]) replace(one);
      else if (typeof value === 'number') replace(10n ** 3000n);
      else if (Array.isArray(value)) {
        value.forEach((item, i) => {
          visit(item, (changed) => replace(value.with(i, changed)));
        });
      } else if (typeof value === 'object' && value !== null) {
        for (const [key, item] of Object.entries(value)) {
          const { [key]: _, ...rest } = value as Record<string, unknown>;
          replace({ ...rest, [LONG]: item });
          visit(item, (changed) => replace({ ...value, [key]: changed }));
        }
      }
    };
    visit(JSON.parse(smallProgram()), (document) => check(document as JsonValue));
    expect(refused).toBeGreaterThan(50);
  });
});
