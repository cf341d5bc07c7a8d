import { ArfuseError } from './arfuse-error.ts';

/** A launcher's variable (`RANK`, `WORLD_SIZE`, `MASTER_ADDR`, …) that is missing, malformed or contradicts another. */
export class LaunchError extends ArfuseError {
  readonly code = 'ARFUSE_LAUNCH';
}

/** A process group that cannot form: a port that is taken, a rank out of range or twice, another group size. */
export class RendezvousError extends ArfuseError {
  readonly code = 'ARFUSE_RENDEZVOUS';
}

/** A secret of the rendezvous that is missing at one side, or differs. */
export class AuthenticationError extends ArfuseError {
  readonly code = 'ARFUSE_AUTHENTICATION';
}

/** Bytes from a peer that are no message of the group: wrong magic, version, length, sequence or code. */
export class ProtocolError extends ArfuseError {
  readonly code = 'ARFUSE_PROTOCOL';
}

/** A time limit of a group that has passed; `details` says which ranks have arrived and which have not. */
export class DeadlineError extends ArfuseError {
  readonly code = 'ARFUSE_DEADLINE';
}

/** A rank that died, froze or left while the group needed it; `details.rank` names it. */
export class PeerLostError extends ArfuseError {
  readonly code = 'ARFUSE_PEER_LOST';
}

/** Ranks that differ in what must be the same: plan, versions, device, message size, order of operations. */
export class AgreementError extends ArfuseError {
  readonly code = 'ARFUSE_AGREEMENT';
}
