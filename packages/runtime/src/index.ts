export { type Clock, systemClock } from './executor/clock.ts';
export { createExecutor } from './executor/create-executor.ts';
export { type BufferSpec, DeviceBuffer } from './executor/device-buffer.ts';
export type { Executor } from './executor/executor.ts';
export { type InputBytes, LocalRanks, type OutputBytes } from './executor/local-ranks.ts';
export type { ExecutorOptions } from './executor/options.ts';
export type { SiteBuffers, SiteInputName, SiteSpecs } from './executor/site-buffers.ts';
export type { Difference } from './group/agreement.ts';
export type { AgreementRecord, Channel, Group, Notice, OperationOptions } from './group/group.ts';
export type { GroupOptions, GroupSettings, OpenGroupOptions } from './group/options.ts';
export type { Launch, MasterAddress } from './launcher/launch.ts';
export { launcherOf, readLaunch } from './launcher/read-launch.ts';
export { openGroup } from './open-group.ts';
export {
  joinLocalGroup,
  type LocalGroupOptions,
  type LocalSeat,
  openLocalGroup,
  openLocalSeats,
} from './open-local-group.ts';
