/**
 * Rows of the design's table. A package may import packages of lower rows, and the sideways arrows below.
 * @type {Readonly<Record<string, number>>}
 */
export const ROWS = {
  arfuse: 5,
  '@arfuse/tuner': 4,
  '@arfuse/core': 3,
  '@arfuse/conformance': 3,
  '@arfuse/flashinfer': 2,
  '@arfuse/symm-mem': 2,
  '@arfuse/nccl': 2,
  '@arfuse/reference': 2,
  '@arfuse/torch': 2,
  '@arfuse/engines': 2,
  '@arfuse/patterns': 2,
  '@arfuse/thresholds': 2,
  '@arfuse/runtime': 1,
  '@arfuse/native': 1,
  '@arfuse/graph': 0,
  '@arfuse/contract': 0,
};

/** Arrows within a row that the table allows. */
const SIDEWAYS = new Set(['@arfuse/graph → @arfuse/contract', '@arfuse/runtime → @arfuse/native']);

/** Packages that the table forbids input and output. */
const PURE = new Set([
  '@arfuse/contract',
  '@arfuse/graph',
  '@arfuse/patterns',
  '@arfuse/thresholds',
]);
const IO_MODULES =
  /^node:(fs|net|http|https|http2|tls|dgram|dns|child_process|worker_threads|cluster)(\/|$)/;

/**
 * Why one package may not import another; undefined when it may.
 *
 * @param {string} from
 * @param {string} to
 */
export function refusal(from, to) {
  const rowFrom = ROWS[from];
  const rowTo = ROWS[to];
  if (rowFrom === undefined) return `${from} has no row in the dependency table. Add it to ROWS.`;
  if (rowTo === undefined) return undefined;
  if (rowTo < rowFrom || from === to || SIDEWAYS.has(`${from} → ${to}`)) return undefined;
  const direction = rowTo === rowFrom ? 'sideways' : 'upward';
  return (
    `${from} (row ${rowFrom}) imports ${to} (row ${rowTo}), which is ${direction}. ` +
    'Arrows point down: move the shared part to a lower row, or pass it in as a value.'
  );
}

/** npm name of a module specifier; undefined for relative paths and Node's own modules. @param {string} specifier */
export function packageOf(specifier) {
  if (/^[./]|^node:/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** @type {import('./repository.mjs').Rule} */
export const importRows = {
  name: 'imports point down the dependency table',
  check(repository) {
    const violations = [];
    for (const pkg of repository.packages) {
      for (const file of repository.sourcesOf(pkg.directory)) {
        for (const { specifier, line } of repository.importsOf(file)) {
          const target = packageOf(specifier);
          const message = target && refusal(pkg.name, target);
          if (message) violations.push({ file, line, message });
          if (PURE.has(pkg.name) && IO_MODULES.test(specifier)) {
            violations.push({
              file,
              line,
              message: `${pkg.name} does no input or output, but imports ${specifier}. Take the data as an argument.`,
            });
          }
        }
      }
      for (const dependency of Object.keys(pkg.manifest.dependencies ?? {})) {
        const message = refusal(pkg.name, dependency);
        if (message) violations.push({ file: `${pkg.directory}/package.json`, message });
      }
    }
    return violations;
  },
};

/** What a user's source build of the addon runs and includes, and built addons, which are loaded; nothing imports them. */
const NEVER_IMPORTED = /^(cmake-js|node-addon-api|@arfuse\/native-.*)$/;

/** @type {import('./repository.mjs').Rule} */
export const declaredImports = {
  name: 'imports are declared, and declared dependencies are imported',
  check(repository) {
    const violations = [];
    for (const pkg of repository.packages) {
      const declared = new Set(
        [
          pkg.manifest.dependencies,
          pkg.manifest.peerDependencies,
          pkg.manifest.optionalDependencies,
        ].flatMap((dependencies) => Object.keys(dependencies ?? {})),
      );
      const used = new Set();
      for (const file of repository.sourcesOf(pkg.directory)) {
        for (const { specifier, line } of repository.importsOf(file)) {
          const target = packageOf(specifier);
          if (target === undefined || target === pkg.name) continue;
          used.add(target);
          if (declared.has(target)) continue;
          violations.push({
            file,
            line,
            message: `imports "${target}", which package.json does not declare. Add it to dependencies (node modules need the node: prefix).`,
          });
        }
      }
      for (const name of declared) {
        if (used.has(name) || NEVER_IMPORTED.test(name)) continue;
        violations.push({
          file: `${pkg.directory}/package.json`,
          message: `declares "${name}", which no file of src/ imports. Remove it.`,
        });
      }
    }
    return violations;
  },
};
