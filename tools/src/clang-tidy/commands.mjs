import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';

/** One file of a `compile_commands.json`. @typedef {{ directory: string, file: string, command: string }} Entry */

/** Headers that Clang wants beside CUDA's. */
const CUDA_STAND_INS = join(repositoryRoot, 'tools/src/clang-tidy/cuda');

/** Options of nvcc that Clang has not, or that are about the output alone. */
const NVCC_ONLY =
  / (-forward-unknown-to-host-compiler|--generate-code=\S+|--compress-mode=\S+|-X\w+=\S+|-L\S+|-Werror=all-warnings|-x cu)(?= )/g;

/**
 * nvcc's command as one of Clang, for a kernel's device side. The architecture only chooses branches of headers.
 *
 * @param {string} command
 */
function kernelCommand(command) {
  const nvcc = /^(\S+)\/bin\/nvcc /.exec(command);
  if (nvcc === null) return command;
  const clang = [
    'clang++ -x cuda --cuda-device-only --cuda-gpu-arch=sm_90a',
    `--cuda-path=${nvcc[1]} -isystem ${CUDA_STAND_INS}`,
    // Clang names the newest CUDA that it knows in full; what the kernels use has not changed since.
    '-Wall -Wextra -Wno-unknown-cuda-version',
  ];
  const options = command.slice(nvcc[0].length - 1).replaceAll('-isystem=', '-isystem ');
  return `${clang.join(' ')}${options.replace(NVCC_ONLY, '')}`;
}

/** Whether Clang can read it. */
export function readable(/** @type {string} */ file) {
  // FlashInfer's headers want thread-block clusters of CUDA's cooperative groups, which Clang 22 does not see: nvcc's warnings,
  // all of them errors, are the check of these files.
  return !/\/cpp\/flashinfer\/[^/]*\.cu$/.test(file);
}

/**
 * The build's commands as clang-tidy understands them.
 *
 * @param {readonly Entry[]} entries
 * @returns {Entry[]}
 */
export function tidyCommands(entries) {
  return entries
    .filter(({ file }) => readable(file))
    .map((entry) => ({ ...entry, command: kernelCommand(entry.command) }));
}
