import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { check, inProject } from './project.mjs';

const GRAPH = join(repositoryRoot, 'fixtures/graphs/llama3-8b.tp2.fx.txt.gz');
/** @typedef {(output: string) => string | undefined} Inspect */

const TARGET = 'h200-sxm,world=2';

/**
 * What a JSON document on standard output lacks; undefined when it has it.
 *
 * @param {{ allReduces: number, sites: number }} expected
 * @returns {Inspect}
 */
function wants(expected) {
  return (output) => {
    try {
      const { summary } = JSON.parse(output);
      const got = JSON.stringify({ allReduces: summary.allReduces, sites: summary.sites });
      return got === JSON.stringify(expected)
        ? undefined
        : `found ${got}, not ${JSON.stringify(expected)}`;
    } catch (error) {
      return `did not print one JSON document: ${error}`;
    }
  };
}

/**
 * The packed `arfuse` program: its version, a plan, its exit codes, and that a refused input leaves no file.
 *
 * @param {readonly import('../lib/pack.mjs').Tarball[]} tarballs
 * @param {readonly import('../consumer.mjs').NodeRelease[]} nodes
 */
export function checkCommandLine(tarballs, nodes) {
  const options = {
    tarballs,
    dependencies: ['arfuse'],
    template: join(repositoryRoot, 'tools/consumer/command-line'),
  };
  const version = tarballs.find((tarball) => tarball.name === 'arfuse')?.version;
  return inProject(options, async (folder) => {
    const main = join(folder, 'node_modules/arfuse/dist/main.js');
    const before = readdirSync(folder).sort().join();
    const checks = [];
    for (const node of nodes) {
      /** @param {string} name @param {readonly string[]} args @param {number} code @param {Inspect} [inspect] */
      const arfuse = (name, args, code, inspect) =>
        check(
          `command line: ${name} on ${node.name}`,
          [node.binary, main, ...args],
          folder,
          code,
          inspect,
        );
      checks.push(
        await arfuse('--version', ['--version'], 0, (output) =>
          output.trim() === version ? undefined : `printed "${output.trim()}", not "${version}"`,
        ),
        await arfuse(
          'plan',
          ['plan', GRAPH, '--target', TARGET, '--json'],
          0,
          wants({ allReduces: 64, sites: 64 }),
        ),
        await arfuse('verify', ['verify', GRAPH, '--target', TARGET], 0),
        await arfuse(
          'a file that is cut off',
          ['plan', 'cut.txt', '--target', TARGET, '--out', 'plan.json'],
          2,
          (output) =>
            /cut\.txt:\d+/.test(output) && !/^\s+at .*\.js:\d+/m.test(output)
              ? undefined
              : 'did not name file and line without a stack trace',
        ),
        await arfuse('a missing target', ['plan', GRAPH], 2),
        await arfuse('an unknown option', ['plan', GRAPH, '--target', TARGET, '--wrld', '2'], 2),
      );
    }
    const after = readdirSync(folder).sort().join();
    checks.push({
      name: 'command line: leaves nothing behind',
      problems:
        before === after ? [] : [`command line: the folder held ${before}, and now ${after}`],
    });
    return checks;
  });
}
