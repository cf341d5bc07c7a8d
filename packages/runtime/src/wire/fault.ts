import {
  AgreementError,
  type ArfuseError,
  type ArfuseErrorOptions,
  AuthenticationError,
  DeadlineError,
  PeerLostError,
  ProtocolError,
  RendezvousError,
} from '@arfuse/contract';

const CLASSES = {
  ARFUSE_AGREEMENT: AgreementError,
  ARFUSE_AUTHENTICATION: AuthenticationError,
  ARFUSE_DEADLINE: DeadlineError,
  ARFUSE_PEER_LOST: PeerLostError,
  ARFUSE_PROTOCOL: ProtocolError,
  ARFUSE_RENDEZVOUS: RendezvousError,
};

/** An error as data, so that every rank can throw the same one. */
export interface Fault {
  readonly code: keyof typeof CLASSES;
  readonly message: string;
  readonly hint?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Most bytes of an encoded fault. */
export const MAX_FAULT_BYTES = 64 * 1024;

/** The error that a fault describes. */
export function errorOf(fault: Fault, cause?: unknown): ArfuseError {
  const options: ArfuseErrorOptions = {
    message: fault.message,
    hint: fault.hint,
    details: fault.details,
    cause,
  };
  return new CLASSES[fault.code](options);
}

/** A fault for sending. Details that would be too long are left out. */
export function encodeFault(fault: Fault): Buffer {
  const bytes = Buffer.from(JSON.stringify(fault));
  if (bytes.length <= MAX_FAULT_BYTES) return bytes;
  const { code, message, hint } = fault;
  return Buffer.from(
    JSON.stringify({
      code,
      message: message.slice(0, 4000),
      hint: hint?.slice(0, 2000),
      details: {},
    }),
  );
}

/** Reads a fault; undefined when it is none. */
export function decodeFault(bytes: Uint8Array): Fault | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { code, message, hint, details } = value as Record<string, unknown>;
  if (typeof code !== 'string' || !Object.hasOwn(CLASSES, code)) return undefined;
  if (typeof message !== 'string') return undefined;
  return {
    code: code as Fault['code'],
    message,
    ...(typeof hint === 'string' ? { hint } : {}),
    details:
      typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {},
  };
}

/** What an error says, without the hint that its message ends with. */
export const factOf = ({ message, hint }: ArfuseError): string =>
  hint && message.endsWith(` ${hint}`) ? message.slice(0, -hint.length - 1) : message;

/** A thrown error of the group as a fault; undefined for any other error. */
export function faultOf(error: ArfuseError): Fault | undefined {
  if (!Object.hasOwn(CLASSES, error.code)) return undefined;
  const { hint } = error;
  return {
    code: error.code as Fault['code'],
    message: factOf(error),
    ...(hint ? { hint } : {}),
    details: error.details,
  };
}
