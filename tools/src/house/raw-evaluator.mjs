import { posix } from 'node:path';

const RAW = 'packages/reference/src/raw/';
const FORBIDDEN_FOLDERS = ['packages/reference/src/kernels/', 'packages/reference/src/oracle/'];
const FORBIDDEN_PACKAGES = ['@arfuse/patterns'];

/**
 * `verify` compares the raw program with the planned steps. That proves something only while the raw
 * evaluator shares no code with the kernels, the oracle or the patterns, directly or through another file.
 * @type {import('./repository.mjs').Rule}
 */
export const rawEvaluator = {
  name: 'the raw evaluator is independent of kernels, oracle and patterns',
  check(repository) {
    const violations = [];
    const files = new Set(repository.sourcesOf('packages/reference'));
    const queue = [...files]
      .filter((file) => file.startsWith(RAW))
      .map((file) => ({ file, via: file }));
    const seen = new Set(queue.map(({ file }) => file));
    for (const { file, via } of queue) {
      for (const { specifier, line } of repository.importsOf(file)) {
        const chain = via === file ? '' : ` (reached from ${via})`;
        if (
          FORBIDDEN_PACKAGES.some((name) => specifier === name || specifier.startsWith(`${name}/`))
        ) {
          violations.push({
            file,
            line,
            message: `imports ${specifier}${chain}. The raw evaluator must not know it.`,
          });
        }
        if (!specifier.startsWith('.')) continue;
        const target = posix.join(posix.dirname(file), specifier);
        if (FORBIDDEN_FOLDERS.some((folder) => target.startsWith(folder))) {
          violations.push({
            file,
            line,
            message: `imports ${target}${chain}. Move what both need to a folder that neither owns, such as src/numbers.`,
          });
        } else if (files.has(target) && !seen.has(target)) {
          seen.add(target);
          queue.push({ file: target, via });
        }
      }
    }
    return violations;
  },
};
