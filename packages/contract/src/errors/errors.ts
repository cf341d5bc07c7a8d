import { ArfuseError } from './arfuse-error.ts';

/** Input that is not, or not wholly, in a format that arfuse reads. `place` says where. */
export class GraphFormatError extends ArfuseError {
  readonly code = 'ARFUSE_GRAPH_FORMAT';
}

/** A graph that contradicts itself: undefined or duplicate names, cycles, wrong use of a value. */
export class GraphError extends ArfuseError {
  readonly code = 'ARFUSE_GRAPH_INVALID';
}

/** Input beyond a safety limit (bytes, line length, nesting, archive size). The limit is an option. */
export class LimitError extends ArfuseError {
  readonly code = 'ARFUSE_LIMIT';
}

/** A file or folder that cannot be read or written. */
export class IoError extends ArfuseError {
  readonly code = 'ARFUSE_IO';
}

/** A target that is malformed, incomplete, or contradicts what the graph states. */
export class TargetError extends ArfuseError {
  readonly code = 'ARFUSE_TARGET_INVALID';
}

/** A plan document that is malformed, or whose hash does not match its content. */
export class PlanError extends ArfuseError {
  readonly code = 'ARFUSE_PLAN_INVALID';
}

/** A user rule that cannot be obeyed, or a policy that is malformed. Rules win or throw; they never lose silently. */
export class PolicyError extends ArfuseError {
  readonly code = 'ARFUSE_POLICY';
}

/** A threshold table that is malformed or physically impossible. */
export class TableError extends ArfuseError {
  readonly code = 'ARFUSE_TABLE_INVALID';
}

/** A backend, table or plan of a specification version that this release does not know. */
export class SpecificationVersionError extends ArfuseError {
  readonly code = 'ARFUSE_SPECIFICATION_VERSION';
}

/** A backend that breaks its contract: duplicate kernel names, contradictory capability, wrong result shape. */
export class BackendError extends ArfuseError {
  readonly code = 'ARFUSE_BACKEND';
}

/** A wrong argument or option of an arfuse function or command. */
export class UsageError extends ArfuseError {
  readonly code = 'ARFUSE_USAGE';
}

/** Something that arfuse does not do, named, with what to do instead. */
export class UnsupportedError extends ArfuseError {
  readonly code = 'ARFUSE_UNSUPPORTED';
}

/** A native addon, library or driver that is missing or does not fit; `details` lists each place tried. */
export class NativeError extends ArfuseError {
  readonly code = 'ARFUSE_NATIVE';
}

/** A device that failed, in the driver's own words, or that is used after it was closed. */
export class DeviceError extends ArfuseError {
  readonly code = 'ARFUSE_DEVICE';
}
