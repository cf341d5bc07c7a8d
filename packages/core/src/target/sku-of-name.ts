/**
 * GPU models by the names that CUDA gives them. Boards whose name does not tell the form factor, MIG instances and models that
 * are not in `SKUS` have none.
 */
const NAMES: readonly (readonly [name: RegExp, sku: string])[] = [
  [/^A100-SXM4-\d+GB$/, 'a100-sxm'],
  [/^A100(-PCIE-\d+GB| \d+GB PCIe)$/, 'a100-pcie'],
  [/^L4$/, 'l4'],
  [/^L40S$/, 'l40s'],
  [/^H100 \d+GB HBM[23]e?$/, 'h100-sxm'],
  [/^H100 PCIe$/, 'h100-pcie'],
  [/^H100 NVL$/, 'h100-nvl'],
  [/^H200$/, 'h200-sxm'],
  [/^H200 NVL$/, 'h200-nvl'],
  [/^H20(-3e)?$/, 'h20'],
  [/^H800$/, 'h800'],
  [/^GH200 \d+GB?( HBM3e)?$/, 'gh200'],
  [/^B200$/, 'b200'],
  [/^GB200$/, 'gb200'],
  [/^B300( SXM6 AC)?$/, 'b300'],
  [/^GB300$/, 'gb300'],
  [/^RTX PRO 6000 Blackwell( Max-Q)? (Server|Workstation) Edition$/, 'rtx-pro-6000'],
];

/**
 * The target's key of a GPU, from the name that CUDA gives it.
 * @returns undefined for a name that is not known: nothing is guessed from a part of it
 */
export function skuOfName(name: string): string | undefined {
  const bare = name.trim().replace(/^NVIDIA /, '');
  return NAMES.find(([pattern]) => pattern.test(bare))?.[1];
}
