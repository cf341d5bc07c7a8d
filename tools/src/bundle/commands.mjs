import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import { copies } from './entries.mjs';

/**
 * The `gpu:*` scripts of a package.json: name, and the program with its own arguments.
 *
 * @param {Record<string, string>} scripts
 * @returns {Map<string, readonly string[]>}
 */
export function gpuCommands(scripts) {
  const commands = new Map();
  for (const [name, command] of Object.entries(scripts)) {
    if (!name.startsWith('gpu:')) continue;
    // They become lines of a shell script, so only plain words are taken.
    if (!/^node [\w./-]+( [\w.,:=@/-]+)*$/.test(command))
      throw new Error(`the script "${name}" is no plain "node FILE arguments": ${command}`);
    commands.set(name, command.split(' ').slice(1));
  }
  return commands;
}

/**
 * Files of the repository that a program reads by relative name: its modules and theirs, and files named by `new URL()`.
 *
 * @param {string} root
 * @param {readonly string[]} programs below the root
 * @returns {string[]} below the root
 */
export function filesOf(root, programs) {
  /** @type {Set<string>} */
  const seen = new Set();
  const waiting = programs.map((program) => join(root, program));
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    if (!existsSync(file)) throw new Error(`${relative(root, file)} does not exist`);
    seen.add(file);
    if (!/\.m?js$/.test(file)) continue;
    const text = readFileSync(file, 'utf8');
    for (const { fileName } of ts.preProcessFile(text).importedFiles)
      if (fileName.startsWith('.')) waiting.push(join(dirname(file), fileName));
    for (const [, name = ''] of text.matchAll(/new URL\('([^']+)', import\.meta\.url\)/g)) {
      const named = fileURLToPath(new URL(name, pathToFileURL(file)));
      if (existsSync(named) && statSync(named).isFile()) waiting.push(named);
    }
  }
  return [...seen].map((file) => relative(root, file).replaceAll('\\', '/')).sort();
}

/**
 * The GPU programs as entries: all of `tools/gpu`, and what it reads elsewhere.
 *
 * @param {string} root
 */
export function commandEntries(root) {
  const own = copies(
    join(root, 'tools/gpu'),
    'tools/gpu',
    (name) => !/(^|\/)__pycache__\//.test(name),
  );
  const elsewhere = filesOf(
    root,
    own.map(({ path }) => path),
  ).filter((file) => !file.startsWith('tools/gpu/'));
  return [...own, ...elsewhere.map((file) => ({ from: join(root, file), path: file }))];
}

/**
 * `run.sh` of a bundle. Needs a POSIX shell and `dirname`, nothing else.
 *
 * @param {ReadonlyMap<string, readonly string[]>} commands
 */
export function runScript(commands) {
  const cases = [...commands].map(
    ([name, [file, ...args]]) =>
      `  ${name}) exec "$root/node/bin/node" "$root/${file}"${args.map((arg) => ` ${arg}`).join('')} "$@" ;;`,
  );
  const names = ['arfuse', ...commands.keys(), 'node'];
  return `#!/bin/sh
# Runs arfuse and its GPU programs with the Node that lies beside this file. "sh run.sh" lists what there is.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ $# -eq 0 ]; then
  echo "usage: sh run.sh COMMAND [ARGUMENTS]; commands: ${names.join(', ')}" >&2
  exit 2
fi
command=$1
shift
case "$command" in
  arfuse) exec "$root/node/bin/node" "$root/node_modules/arfuse/dist/main.js" "$@" ;;
${cases.join('\n')}
  node) exec "$root/node/bin/node" "$@" ;;
  *)
    echo "run.sh has no command \\"$command\\"; commands: ${names.join(', ')}" >&2
    exit 2
    ;;
esac
`;
}
