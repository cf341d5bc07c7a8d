import type { Spelling } from '@arfuse/patterns';
import { describe, expect, it } from 'vitest';
import { patternsPage } from '../src/docs/patterns-page.mjs';

const spelling = (produces: Spelling['produces'], title: string, example: string): Spelling => ({
  name: title,
  produces,
  ops: [],
  title,
  example,
  lift: () => [],
});

describe('docs/patterns.md', () => {
  const page = patternsPage({
    fusions: [
      {
        name: 'ar_rms',
        title: 'all-reduce and norm',
        example: 'y = rms(all_reduce(x))',
        steps: [
          { stage: 'merge', optional: true },
          { stage: 'norm' },
          { stage: 'quant', optional: true },
        ],
      },
    ],
    spellings: [
      spelling('norm.rms', '`a.rms`', 'y = a.rms(x | 1)'),
      spelling('norm.rms', 'written out', 'p = x * x\ny = p'),
      spelling('quant', 'fp8', 'q = `f`(x)'),
    ],
    alreadyFused: [{ op: 'e.fused', example: 'e.fused(x)' }],
  });

  it('has every fusion with its chain', () => {
    expect(page).toContain(
      '### `ar_rms`\n\nAll-reduce and norm.\n\nStages: all_reduce → [merge] → norm → [quant];',
    );
    expect(page).toContain('\n\nOutputs: all_reduce, norm, quant, scale; ');
  });

  it('has one-line spellings in tables, escaped, and longer ones as blocks', () => {
    expect(page).toContain('| `a.rms` | `y = a.rms(x \\| 1)` |');
    expect(page).toContain('Written out:\n\n```text\np = x * x\ny = p\n```');
    expect(page).toContain('| fp8 | `` q = `f`(x) `` |');
    expect(page).toContain('| `e.fused` | `e.fused(x)` |');
  });

  it('leaves out headings without spellings', () => {
    expect(page).not.toContain('Residual add');
  });
});
