import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { check, inProject } from './project.mjs';

const GRAPH = join(repositoryRoot, 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz');

/**
 * `pnpm add @arfuse/core @arfuse/flashinfer` alone is enough to read a graph, plan and verify, and loads no
 * native code.
 *
 * @param {readonly import('../lib/pack.mjs').Tarball[]} tarballs
 * @param {readonly import('../consumer.mjs').NodeRelease[]} nodes
 */
export function checkTwoPackages(tarballs, nodes) {
  const options = {
    tarballs,
    dependencies: ['@arfuse/core', '@arfuse/flashinfer'],
    template: join(repositoryRoot, 'tools/consumer/two-packages'),
  };
  return inProject(options, async (folder) => {
    const visible = readdirSync(join(folder, 'node_modules/@arfuse')).sort().join(', ');
    const checks = [
      {
        name: 'two packages: only two are visible',
        problems:
          visible === 'core, flashinfer'
            ? []
            : [`two packages: ${visible} can be imported; only core and flashinfer should`],
      },
    ];
    const tsc = [process.execPath, 'node_modules/typescript/bin/tsc', '-p', '.'];
    checks.push(await check('two packages: types of an application', tsc, folder));
    for (const node of nodes) {
      for (const script of ['plan-and-verify.mjs', 'no-native-code.mjs']) {
        checks.push(
          await check(
            `two packages: ${script} on ${node.name}`,
            [node.binary, script, GRAPH],
            folder,
          ),
        );
      }
    }
    return checks;
  });
}
