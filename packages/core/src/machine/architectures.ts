/**
 * Whether code of an addon runs on a GPU.
 * @param architectures - as CMake writes them, e.g. `80-real 90a-real 100f-real`; `-virtual` and neither are compiled on load
 * @param capability - compute capability ×10
 */
export function runsOn(architectures: string, capability: number): boolean {
  return architectures.split(/[ ;,]+/).some((name) => {
    const [, number, suffix, form] = /^(\d+)([af]?)(?:-(real|virtual))?$/.exec(name) ?? [];
    if (number === undefined) return false;
    const built = Number(number);
    if (suffix === 'a') return built === capability;
    const family = Math.floor(built / 10) === Math.floor(capability / 10) && built <= capability;
    // Intermediate code runs on every later GPU, unless it is of a family.
    return family || (suffix === '' && form !== 'real' && built <= capability);
  });
}
