import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { run } from '../lib/run.mjs';

/** An addon of Node with nothing but an ABI number, or without one. */
const SOURCE = `
#include <node_api.h>
static napi_value init(napi_env env, napi_value exports) {
#ifdef ABI
  napi_value abi;
  napi_create_int32(env, ABI, &abi);
  napi_set_named_property(env, exports, "abi", abi);
#endif
  return exports;
}
NAPI_MODULE(arfuse, init)
`;

/** @param {string} source @param {string} output @param {readonly string[]} flags */
async function compile(source, output, flags) {
  const cmake = createRequire(join(repositoryRoot, 'native/package.json')).resolve(
    'cmake-js/package.json',
  );
  const headers = dirname(createRequire(cmake).resolve('node-api-headers/package.json'));
  const args = ['-x', 'c', '-shared', '-fPIC', `-I${join(headers, 'include')}`, ...flags];
  const { code, output: text } = await run(['c++', ...args, '-o', output, source]);
  if (code !== 0) throw new Error(`a small addon does not compile:\n${text}`);
}

/**
 * Files that are no addon for this process, each in its own way, and what the loader must say of them.
 *
 * @param {string} addon that was built here
 * @param {string} folder
 * @returns {Promise<{ name: string, path: string, message: RegExp }[]>}
 */
export async function brokenAddons(addon, folder) {
  mkdirSync(folder, { recursive: true });
  const at = (/** @type {string} */ name) => join(folder, name);
  const bytes = readFileSync(addon);
  writeFileSync(at('text.node'), 'This is no library.\n');
  writeFileSync(at('half.node'), bytes.subarray(0, bytes.length >> 1));
  writeFileSync(at('end-missing.node'), bytes.subarray(0, bytes.length - 100));
  // The name of a C library that no system has yet.
  const newer = Buffer.from(bytes);
  const needs = newer.indexOf('\0GLIBC_2.34\0', 0, 'latin1');
  if (needs < 0) throw new Error('the addon does not name GLIBC_2.34; choose another version here');
  newer.write('GLIBC_2.99', needs + 1, 'latin1');
  writeFileSync(at('newer.node'), newer);
  writeFileSync(at('small.c'), SOURCE);
  writeFileSync(at('library.c'), 'int arfuse_nothing(void) { return 0; }\n');
  await compile(at('small.c'), at('abi.node'), ['-DABI=0']);
  await compile(at('small.c'), at('other.node'), []);
  await compile(at('library.c'), at('library.node'), []);
  copyFileSync(addon, at('arfuse.node.bak'));
  /** @param {string} name @param {string} file @param {RegExp} message */
  const broken = (name, file, message) => ({ name, path: at(file), message });
  return [
    broken('a text', 'text.node', /it is no ELF library/),
    broken('half an addon', 'half.node', /it is cut off: \d+ bytes of at least \d+/),
    broken('an addon without its end', 'end-missing.node', /it is cut off/),
    broken('a glibc that is too old', 'newer.node', /it needs glibc 2\.99, and finds glibc 2\.\d+/),
    broken('another ABI', 'abi.node', /it needs ABI \d+, and finds ABI 0: build it again/),
    broken('another addon', 'other.node', /it is an addon, but not that of arfuse/),
    broken('a library', 'library.node', /it is a library, but no addon of Node/),
    broken('another name', 'arfuse.node.bak', /it is no file whose name ends in \.node/),
    broken('a folder', '.', /it is no file whose name ends in \.node/),
    broken('nothing', 'gone.node', /gone\.node: it does not exist/),
  ];
}
