// The program that `probeMachine` starts: what may end a process (a broken driver, addon or NCCL) ends this one.
import { readFileSync, writeSync } from 'node:fs';
import { NativeError, type ProbedPlace } from '@arfuse/contract';
import type { NativeBinding } from '../binding/binding.ts';
import { loadNative } from '../load/load-native.ts';
import { openNccl } from '../nccl/open-nccl.ts';
import { type ChildLine, PROBE_FD } from './child-line.ts';

const tell = (line: ChildLine): void => {
  writeSync(PROBE_FD, `${JSON.stringify(line)}\n`);
};

/** The file from which a library is loaded. */
function loadedFrom(library: RegExp): string | null {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  for (const line of maps.split('\n')) {
    const path = line.slice(line.indexOf('/'));
    if (library.test(path)) return path;
  }
  return null;
}

/** Of a failure only its place and reason. */
const placesOf = (failures: readonly ProbedPlace[] = []): ProbedPlace[] =>
  failures.map(({ path, message }) => ({ path, message }));

/** Why something could not be loaded, and where it was looked for. */
function absence(error: unknown): { message: string; failures: ProbedPlace[] } {
  const failures = NativeError.isInstance(error) ? error.details.failures : undefined;
  return {
    message: (error as Error).message,
    failures: placesOf(failures as readonly ProbedPlace[] | undefined),
  };
}

function probeAddon(): NativeBinding | undefined {
  tell({ begins: 'addon' });
  try {
    const { binding, from, failures } = loadNative();
    const { abi, cudaArchitectures, flashinferVersion } = binding;
    tell({
      addon: {
        loaded: true,
        from: from.id,
        path: from.path,
        abi,
        cudaArchitectures,
        flashinferVersion,
        failures: placesOf(failures),
      },
    });
    return binding;
  } catch (error) {
    tell({ addon: { loaded: false, ...absence(error) } });
    return undefined;
  }
}

function probeCuda(binding: NativeBinding): void {
  if (!binding.devices) return;
  tell({ begins: 'cuda' });
  const report = binding.devices();
  tell({ cuda: { ...report, libcuda: loadedFrom(/\/libcuda\.so/) } });
}

function probeNccl(binding: NativeBinding): void {
  tell({ begins: 'nccl' });
  try {
    const { library, failures } = openNccl({ binding });
    const { version, file } = library;
    tell({ nccl: { found: true, version, path: file, failures: placesOf(failures) } });
  } catch (error) {
    tell({ nccl: { found: false, ...absence(error) } });
  }
}

const binding = probeAddon();
if (binding) {
  probeCuda(binding);
  probeNccl(binding);
}
tell({ done: true });
// Libraries that hang as they are unloaded would keep the process.
process.exit(0);
