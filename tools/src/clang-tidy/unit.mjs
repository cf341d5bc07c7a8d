import { join } from 'node:path';
import { repositoryRoot } from '../lib/root.mjs';
import { run } from '../lib/run.mjs';
import { findingsOf } from './findings.mjs';

const CONFIG = join(repositoryRoot, 'native/.clang-tidy');

/** What is off in kernels besides what `native/.clang-tidy` says. */
const OFF_IN_KERNELS = [
  // Inline assembly fills variables, and writes through pointers, where clang-tidy does not look.
  'cppcoreguidelines-init-variables',
  'cppcoreguidelines-prefer-member-initializer',
  'cppcoreguidelines-pro-type-member-init',
  'misc-const-correctness',
  'readability-non-const-parameter',
  // Indices have 32 bits where registers are few; geometry refuses what does not fit.
  'bugprone-implicit-widening-of-multiplication-result',
  // Loops over registers are unrolled by their count.
  'modernize-loop-convert',
  // Shared memory whose size the launch gives is an `extern` variable, of the same name in each kernel.
  'bugprone-dynamic-static-initializers',
  'readability-redundant-declaration',
];

/**
 * Checks one file and the headers below `native/cpp` that it includes.
 *
 * @param {string} program clang-tidy
 * @param {string} commands folder of a `compile_commands.json`
 * @param {string} file absolute path
 * @param {string} [root] folder that paths are given from
 * @returns {Promise<string[]>} findings
 */
export async function tidyUnit(program, commands, file, root = repositoryRoot) {
  const off = file.endsWith('.cu') ? OFF_IN_KERNELS.map((check) => `-${check}`) : [];
  const { code, output } = await run([
    program,
    '--quiet',
    `--config-file=${CONFIG}`,
    ...(off.length > 0 ? [`--checks=${off.join(',')}`] : []),
    '-p',
    commands,
    file,
  ]);
  const findings = findingsOf(output, root);
  if (code === 0 || findings.length > 0) return findings;
  return [`clang-tidy ended with exit code ${code}:\n${output.trim().slice(-2000)}`];
}
