const FOLDERS = new Set(['packages', 'native', 'tools', 'examples', 'docs', 'fixtures']);
const FILES = new Set([
  'package.json',
  'turbo.json',
  'pnpm-workspace.yaml',
  'pnpm-lock.yaml',
  'README.md',
  'CONTRIBUTING.md',
  'LICENSE',
]);
const DOTTED = new Set([
  '.changeset',
  '.ci',
  '.github',
  '.biome.json',
  '.editorconfig',
  '.gitattributes',
  '.gitignore',
  '.node-version',
]);

/** The top level holds what the design lists, and nothing else. @type {import('./repository.mjs').Rule} */
export const topLevel = {
  name: 'top level holds only what the design lists',
  check(repository) {
    const entries = new Map();
    for (const file of repository.files) {
      const [first = '', ...rest] = file.split('/');
      entries.set(first, rest.length > 0);
    }
    return [...entries]
      .filter(([name, isFolder]) => !DOTTED.has(name) && !(isFolder ? FOLDERS : FILES).has(name))
      .map(([name]) => ({
        file: name,
        message:
          'is no entry of the top level. Move it to packages/, tools/, docs/, examples/ or fixtures/.',
      }));
  },
};
