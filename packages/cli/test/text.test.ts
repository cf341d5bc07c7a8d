import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printJson } from '../src/output/json.ts';
import { micros } from '../src/output/names.ts';
import { textTable } from '../src/output/text-table.ts';
import { paragraph, wrapWords } from '../src/output/wrap.ts';
import { badLines } from './cli.ts';

describe('wrapped text', () => {
  it('breaks at blanks, and inside a word only where it fits on no line', () => {
    expect(wrapWords('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrapWords('see vllm/compilation/passes/fusion.py now', 20)).toEqual([
      'see',
      'vllm/compilation/',
      'passes/fusion.py now',
    ]);
    expect(wrapWords('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    expect(wrapWords('', 10)).toEqual(['']);
  });

  it('keeps every character and every limit', () => {
    const words = fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 40 }), { maxLength: 12 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 50 }), (list, width) => {
        const text = list.join(' ');
        const lines = wrapWords(text, width);
        expect(lines.every((line) => line.length <= width)).toBe(true);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
      }),
    );
  });

  it('indents the lines of a paragraph', () => {
    const text = paragraph('word '.repeat(30).trim(), 'note ');
    expect(text.split('\n').map((line) => line.slice(0, 9))).toEqual(['note word', '     word']);
    expect(badLines(text)).toEqual([]);
  });
});

describe('tables', () => {
  it('aligns, and narrows flexible columns first', () => {
    expect(
      textTable(
        [{ title: 'name' }, { title: 'µs', align: 'right' }, { title: 'why', flexible: true }],
        [
          [
            'a-rather-long-name',
            '1.50',
            'one two three four five six seven eight nine ten '.repeat(3).trim(),
          ],
          'a heading',
          ['b', '12.25', 'short'],
        ],
        { indent: 2 },
      ),
    ).toMatchInlineSnapshot(`
      "  name                   µs  why
        a-rather-long-name   1.50  one two three four five six seven eight nine ten one two three four
                                   five six seven eight nine ten one two three four five six seven eight
                                   nine ten
      a heading
        b                   12.25  short"
    `);
  });

  it('fits 100 columns whatever it holds', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'b', '/', '_', ' ', '→'), maxLength: 160 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell, cell), { minLength: 1, maxLength: 5 }),
        (rows) => {
          const columns = [
            { title: 'one' },
            { title: 'two' },
            { title: 'three', flexible: true },
            { title: 'four' },
          ];
          expect(badLines(textTable(columns, rows))).toEqual([]);
        },
      ),
    );
  });
});

describe('numbers', () => {
  it('have three significant digits as times', () => {
    expect([undefined, 0.5, 5.614, 19.07, 99.96, 133.13, 2410.4].map(micros)).toEqual([
      '-',
      '0.50',
      '5.61',
      '19.1',
      '100.0',
      '133',
      '2410',
    ]);
  });

  it('are never lost in JSON', () => {
    const value = { n: 2n ** 63n, infinite: -Infinity, nan: Number.NaN, none: null };
    expect(JSON.parse(printJson(value))).toEqual({
      n: '9223372036854775808',
      infinite: '-Infinity',
      nan: 'NaN',
      none: null,
    });
  });
});
