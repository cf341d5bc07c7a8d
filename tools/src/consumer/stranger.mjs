import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { check, inProject } from './project.mjs';

const GRAPH = join(repositoryRoot, 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz');

/**
 * A backend outside the workspace with one kernel: written against the contract, built with plain `tsc`,
 * planned, verified, and put through the conformance kit.
 *
 * @param {readonly import('../lib/pack.mjs').Tarball[]} tarballs
 * @param {readonly import('../consumer.mjs').NodeRelease[]} nodes
 */
export function checkStranger(tarballs, nodes) {
  const options = { tarballs, template: join(repositoryRoot, 'tools/consumer/acme-backend') };
  return inProject(options, async (folder) => {
    const [first = { name: '', binary: process.execPath }] = nodes;
    const checks = [
      await check(
        'stranger: tsc',
        [first.binary, 'node_modules/typescript/bin/tsc', '-p', '.'],
        folder,
      ),
    ];
    for (const node of nodes) {
      for (const script of ['conform.mjs', 'plan-and-verify.mjs']) {
        checks.push(
          await check(`stranger: ${script} on ${node.name}`, [node.binary, script, GRAPH], folder),
        );
      }
    }
    return checks;
  });
}
