import ts from 'typescript';
import { lineOf } from './repository.mjs';

/** @typedef {import('./repository.mjs').Repository} Repository */
/** @typedef {import('./repository.mjs').Violation} Violation */

const MAX_LINES = 500;
const CODE = /\.([cm]?[jt]s|tsx|py|sh|css)$/;
const SCRIPT = /\.[cm]?[jt]s$/;
const TEXT = /\.([cm]?[jt]s|tsx|py|sh|css|md|json|ya?ml|html|txt)$|(^|\/)(LICENSE|run|\.[a-z-]+)$/;
const GENERATED = /(^|\/)(generated|__snapshots__|fixtures|goldens)\/|\.api\.md$|pnpm-lock\.yaml$/;

// Written so that this file does not match itself. alice and bob are nobody; vLLM's cache is where its images put it.
const PHRASES = [
  { find: /\b(TOD[O]|FIXM[E]|XX[X])\b/, what: 'is unfinished. Finish it, or open an issue' },
  { find: /@ts-(ignor[e]|nochec[k]|expect-erro[r])/, what: 'hides a type error. Fix the type' },
  { find: /biome-ignor[e]/, what: 'hides a lint error. Fix what it names' },
];
const PRIVATE = [
  {
    find: /(^|[^\w.])\/(wor[k]|roo[t](?!\/\.cache\/vllm)|(hom[e]|User[s])(?!\/(alice|bob|user)\b))\/[\w.-]+/,
    what: 'is a path of one machine. Use a path below the repository',
  },
  {
    find: /\bregistr[y]\.[a-z0-9-]+\.[a-z]/,
    what: "names a package registry. Leave the choice to the user's own settings",
  },
  { find: /\b_authToke[n]\b/, what: 'is a credential. Remove it' },
];

/**
 * @param {Repository} repository
 * @param {readonly string[]} files
 * @param {readonly { find: RegExp, what: string }[]} phrases
 */
function matches(repository, files, phrases) {
  /** @type {Violation[]} */
  const violations = [];
  for (const file of files) {
    for (const [index, text] of repository.read(file).split('\n').entries()) {
      for (const { find, what } of phrases) {
        const hit = find.exec(text);
        if (!hit) continue;
        violations.push({ file, line: index + 1, message: `"${hit[0].trim()}" ${what}.` });
      }
    }
  }
  return violations;
}

/** @type {import('./repository.mjs').Rule} */
export const fileSize = {
  name: `files have at most ${MAX_LINES} lines`,
  check(repository) {
    return repository.files
      .filter((file) => CODE.test(file) && !GENERATED.test(file))
      .map((file) => ({ file, lines: repository.read(file).split('\n').length - 1 }))
      .filter(({ lines }) => lines > MAX_LINES)
      .map(({ file, lines }) => ({
        file,
        line: MAX_LINES + 1,
        message: `has ${lines} lines. Split it by concept; ${MAX_LINES} is the most.`,
      }));
  },
};

/** @type {import('./repository.mjs').Rule} */
export const unfinished = {
  name: 'nothing unfinished or silenced',
  check: (repository) =>
    matches(
      repository,
      repository.files.filter((file) => CODE.test(file) && !GENERATED.test(file)),
      PHRASES,
    ),
};

/** @type {import('./repository.mjs').Rule} */
export const privateText = {
  name: 'no machine paths, registry names or credentials',
  check: (repository) =>
    matches(
      repository,
      repository.files.filter((file) => TEXT.test(file) && !file.startsWith('fixtures/')),
      PRIVATE,
    ),
};

/** @type {import('./repository.mjs').Rule} */
export const noAny = {
  name: 'no any',
  check(repository) {
    /** @type {Violation[]} */
    const violations = [];
    for (const file of repository.files.filter(
      (name) => SCRIPT.test(name) && name.endsWith('ts'),
    )) {
      const source = repository.source(file);
      /** @param {ts.Node} node */
      const visit = (node) => {
        if (node.kind === ts.SyntaxKind.AnyKeyword) {
          violations.push({
            file,
            line: lineOf(source, node),
            message: 'uses the type any. Use unknown and narrow it, or the real type.',
          });
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    return violations;
  },
};

/** @type {import('./repository.mjs').Rule} */
export const lockfile = {
  name: 'the lockfile names packages, not places',
  check(repository) {
    if (!repository.has('pnpm-lock.yaml')) {
      return [{ file: 'pnpm-lock.yaml', message: 'is missing. Run "pnpm install" and commit it.' }];
    }
    return matches(
      repository,
      ['pnpm-lock.yaml'],
      [
        {
          find: /tarball: *\S*https?:\S*|^\s+registry: \S+/,
          what: 'ties the lockfile to one registry. Remove it (pnpm needs only the integrity)',
        },
      ],
    );
  },
};
