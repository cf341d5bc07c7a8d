export type { Difference } from './group/agreement.ts';
export type { AgreementRecord, Group, OperationOptions } from './group/group.ts';
export type { GroupOptions, GroupSettings, OpenGroupOptions } from './group/options.ts';
export type { Launch, MasterAddress } from './launcher/launch.ts';
export { readLaunch } from './launcher/read-launch.ts';
export { openGroup } from './open-group.ts';
export {
  joinLocalGroup,
  type LocalGroupOptions,
  type LocalSeat,
  openLocalGroup,
  openLocalSeats,
} from './open-local-group.ts';
