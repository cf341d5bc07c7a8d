import type { Interconnect } from '@arfuse/contract';

/** What a GPU model implies unless the target says otherwise. */
export interface Sku {
  readonly title: string;
  /** CUDA compute capability ×10. */
  readonly capability: number;
  readonly interconnect: Interconnect;
}

/** GPU models by target key. Capabilities as in NVIDIA's CUDA GPU list; interconnect of the usual 8-GPU board or pair. */
export const SKUS: Readonly<Record<string, Sku>> = {
  'a100-sxm': { title: 'A100 SXM4', capability: 80, interconnect: 'nvlink-switch' },
  'a100-pcie': { title: 'A100 PCIe', capability: 80, interconnect: 'pcie' },
  l4: { title: 'L4', capability: 89, interconnect: 'pcie' },
  l40s: { title: 'L40S', capability: 89, interconnect: 'pcie' },
  'h100-sxm': { title: 'H100 SXM5', capability: 90, interconnect: 'nvlink-switch' },
  'h100-pcie': { title: 'H100 PCIe', capability: 90, interconnect: 'pcie' },
  'h100-nvl': { title: 'H100 NVL', capability: 90, interconnect: 'nvlink-bridge' },
  'h200-sxm': { title: 'H200 SXM5', capability: 90, interconnect: 'nvlink-switch' },
  'h200-nvl': { title: 'H200 NVL', capability: 90, interconnect: 'nvlink-bridge' },
  h20: { title: 'H20', capability: 90, interconnect: 'nvlink-switch' },
  h800: { title: 'H800 SXM5', capability: 90, interconnect: 'nvlink-switch' },
  gh200: { title: 'GH200', capability: 90, interconnect: 'nvlink-mesh' },
  b200: { title: 'B200', capability: 100, interconnect: 'nvlink-switch' },
  gb200: { title: 'GB200', capability: 100, interconnect: 'nvlink-switch' },
  b300: { title: 'B300', capability: 103, interconnect: 'nvlink-switch' },
  gb300: { title: 'GB300', capability: 103, interconnect: 'nvlink-switch' },
  'rtx-pro-6000': { title: 'RTX PRO 6000 Blackwell', capability: 120, interconnect: 'pcie' },
};

export const INTERCONNECTS: readonly Interconnect[] = [
  'nvlink-switch',
  'nvlink-bridge',
  'nvlink-mesh',
  'pcie',
  'none',
];
