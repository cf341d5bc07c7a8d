import { loadNative } from '@arfuse/native';

/**
 * The addon and the first GPU; without one it says so and ends the process with exit code 3.
 */
export function openGpu() {
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
  binding.loadKernels(0);
  return { binding: /** @type {Required<typeof binding>} */ (binding), facts };
}
