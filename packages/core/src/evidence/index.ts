export type {
  EvidencePoint,
  EvidenceScope,
  EvidenceSource,
  KernelList,
} from './evidence-source.ts';
export { tableEvidence } from './table-evidence.ts';
