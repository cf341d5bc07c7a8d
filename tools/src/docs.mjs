// Writes the generated documents: `pnpm docs:patterns [--check]`, after a build.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gpuResults } from './docs/gpu-results.mjs';
import { withGpuSection } from './docs/gpu-section.mjs';
import { patternsPage } from './docs/patterns-page.mjs';
import { printChecks } from './lib/checks.mjs';
import { repositoryRoot } from './lib/root.mjs';
import { requireBuilt } from './lib/workspace.mjs';

requireBuilt('contract', 'graph', 'patterns');
const { ALREADY_FUSED, DEFAULT_FUSIONS, DEFAULT_SPELLINGS } = await import('@arfuse/patterns');

const read = (/** @type {string} */ file) => readFileSync(join(repositoryRoot, file), 'utf8');

const PAGES = [
  {
    file: 'docs/patterns.md',
    text: patternsPage({
      fusions: DEFAULT_FUSIONS,
      spellings: DEFAULT_SPELLINGS,
      alreadyFused: ALREADY_FUSED,
    }),
  },
  {
    file: 'docs/performance.md',
    text: withGpuSection(
      read('docs/performance.md'),
      gpuResults(join(repositoryRoot, 'docs/results')),
    ),
  },
];

printChecks(
  PAGES.map(({ file, text }) => {
    const path = join(repositoryRoot, file);
    const current = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (current === text) return { name: file, problems: [] };
    if (process.argv.includes('--check')) {
      return {
        name: file,
        problems: [`${file} is not what the data say. Run "pnpm docs:patterns".`],
      };
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`${file} written`);
    return { name: file, problems: [] };
  }),
);
