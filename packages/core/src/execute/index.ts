export {
  type BufferSpec,
  createExecutor,
  DeviceBuffer,
  type Executor,
  type ExecutorOptions,
  type Group,
  type InputBytes,
  joinLocalGroup,
  type Launch,
  LocalRanks,
  type LocalSeat,
  launcherOf,
  type OutputBytes,
  openGroup,
  openLocalGroup,
  openLocalSeats,
  readLaunch,
  type SiteBuffers,
  type SiteSpecs,
} from '@arfuse/runtime';
export { type OpenedRanks, type OpenRanksOptions, openRanks } from './open-ranks.ts';
export { placeRanks } from './placement.ts';
export type {
  DeviceTimes,
  ExecutionPlace,
  LaunchCheck,
  OutputCheck,
  UlpHistogram,
} from './report.ts';
export {
  type ClassDeviceRun,
  type DeviceRunReport,
  type OutputRun,
  type RunOnDevicesOptions,
  runOnDevices,
} from './run-on-devices.ts';
export {
  type DeviceVerification,
  describeLaunchFailures,
  type VerifyOnDevicesOptions,
  verifyOnDevices,
} from './verify-on-devices.ts';
