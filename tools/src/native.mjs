// Builds the native addon with its CUDA kernels, without a GPU: `node tools/src/native.mjs [--archs 90a,100f]`, after a build.
// Hopper, and one other architecture to see that the kernels are not written for Hopper alone.
import { buildNative, loadNative } from '@arfuse/native';
import { printChecks, unproven } from './lib/checks.mjs';
import { run } from './lib/run.mjs';
import { requireBuilt } from './lib/workspace.mjs';

requireBuilt('native');
const at = process.argv.indexOf('--archs');
const architectures = (at < 0 ? '90a,100f' : (process.argv[at + 1] ?? '')).split(',');

/** Why this machine cannot build; undefined when it can. */
async function missing() {
  for (const [what, ...command] of [
    ['CMake', 'cmake', '--version'],
    ['a C++ compiler', 'c++', '--version'],
    ['Python with pip', 'python3', '-m', 'pip', '--version'],
  ]) {
    const { code } = await run(command);
    if (code !== 0) return what;
  }
  return undefined;
}

/** @returns {Promise<import('./lib/checks.mjs').Check>} */
async function build() {
  const name = `native addon for ${architectures.join(', ')}`;
  const absent = await missing();
  if (absent !== undefined) return unproven(name, `this machine has no ${absent}`);
  try {
    const { path, bytes, seconds } = await buildNative({ architectures });
    console.log(
      `note: ${(bytes / 2 ** 20).toFixed(1)} MiB for ${architectures.join(', ')}, in ${seconds.toFixed(0)} s`,
    );
    const { binding } = loadNative({ candidates: [{ id: 'local', path }] });
    return {
      name,
      problems: [
        ...(binding.cudaArchitectures === null ? ['the addon has no CUDA kernels.'] : []),
        ...(binding.flashinferVersion === null ? ['the addon has no FlashInfer kernels.'] : []),
      ],
    };
  } catch (error) {
    return { name, problems: [/** @type {Error} */ (error).message] };
  }
}

printChecks([await build()]);
