export { createNccl, type NcclSettings, nccl } from './backend.ts';
