import { loadNative } from '@arfuse/native';

/**
 * The addon and the first GPU; without one it says so and ends the process with exit code 3, as with fewer than are needed.
 *
 * @param {number} [needed] GPUs
 */
export function openGpu(needed = 1) {
  const { binding, from } = loadNative();
  const report = binding.devices?.();
  const gpu = report?.devices[0];
  if (
    !report ||
    !gpu ||
    !binding.loadKernels ||
    !binding.Stream ||
    !binding.DeviceMemory ||
    !binding.Event
  ) {
    console.log(
      `no GPU: ${report?.error ?? 'the addon was built without CUDA kernels'}. Nothing was run.`,
    );
    process.exit(3);
  }
  if (report.devices.length < needed) {
    console.log(
      `too few GPUs: this needs ${needed}, and CUDA lists ${report.devices.length}. Nothing was run.`,
    );
    process.exit(3);
  }
  const major = (/** @type {number} */ version) =>
    `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
  const facts = {
    device: gpu.name,
    capability: gpu.capability / 10,
    driver: major(report.driverVersion),
    cuda: major(report.runtimeVersion),
    date: new Date().toISOString().slice(0, 10),
  };
  console.log(
    `${facts.device}, compute capability ${facts.capability}, CUDA ${facts.cuda}, addon ${from.path}`,
  );
  for (let ordinal = 0; ordinal < needed; ordinal += 1) binding.loadKernels(ordinal);
  return {
    binding: /** @type {Required<typeof binding>} */ (binding),
    facts,
    gpus: report.devices.slice(0, needed).map(({ name }) => name),
  };
}
