import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** What the program was made of: the record of a bundle, or the commit of a checkout. */
function source() {
  const record = `${root}bundle.json`;
  if (existsSync(record)) {
    const { commit, changed, addon } = JSON.parse(readFileSync(record, 'utf8'));
    return { commit, changed, addon: addon.sha256 };
  }
  const git = (/** @type {string[]} */ ...args) => {
    try {
      return execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
    } catch {
      return undefined;
    }
  };
  const status = git('status', '--porcelain');
  return {
    commit: git('rev-parse', 'HEAD') ?? null,
    changed: status === undefined ? null : status !== '',
  };
}

/**
 * Where a result comes from: program, command, host and GPU.
 *
 * @param {ReturnType<typeof import('./open-gpu.mjs').openGpu>['facts']} facts
 */
export function provenance(facts) {
  return {
    ...facts,
    source: source(),
    command: process.argv.slice(2),
    node: process.version,
    host: { cpu: cpus()[0]?.model ?? null, cores: cpus().length },
  };
}
