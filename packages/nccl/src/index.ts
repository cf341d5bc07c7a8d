export { releasesWindows } from './all-reduce-symmetric.ts';
export { createNccl, type NcclSettings, nccl } from './backend.ts';
