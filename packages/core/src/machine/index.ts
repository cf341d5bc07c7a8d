export { type ExamineOptions, examineMachine } from './examine-machine.ts';
export type { InterconnectFinding } from './interconnect.ts';
export type { MachineFinding, MachineGpu, MachineReport } from './report.ts';
export { type Box, matchTables, type TableMatch } from './table-match.ts';
