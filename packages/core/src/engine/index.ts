export { exportTimes } from './export-times.ts';
export type { EngineOptions } from './open.ts';
export { type EngineReportOptions, engineReport } from './report.ts';
export type {
  Advice,
  EngineReport,
  MissingRow,
  ReportLaunch,
  ReportPart,
  SettingChange,
  TimedChain,
  TokenMix,
} from './report-types.ts';
