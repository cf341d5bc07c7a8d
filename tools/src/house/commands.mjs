/** Subcommands of pnpm itself that text names. */
const OWN = new Set(['add', 'exec', 'install', 'publish']);
const TEXT = /\.([cm]?[jt]s|md|sh)$/;
/** A command that is quoted. */
const COMMAND = /[`"]pnpm (?:run |--silent )?([a-z][\w:-]*)/g;

/** @type {import('./repository.mjs').Rule} */
export const commands = {
  name: 'commands that text names are scripts',
  check(repository) {
    const { scripts = {} } = JSON.parse(repository.read('package.json'));
    return repository.files
      .filter((file) => TEXT.test(file))
      .flatMap((file) =>
        repository
          .read(file)
          .split('\n')
          .flatMap((text, index) =>
            [...text.matchAll(COMMAND)]
              .map(([, name = '']) => name)
              .filter((name) => !OWN.has(name) && !(name in scripts))
              .map((name) => ({
                file,
                line: index + 1,
                message: `names "pnpm ${name}", which package.json has no script for. Name one of them.`,
              })),
          ),
      );
  },
};
