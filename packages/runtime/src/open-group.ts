import type { ArfuseError } from '@arfuse/contract';
import { Coordinator } from './group/coordinator.ts';
import type { Group } from './group/group.ts';
import { Member } from './group/member.ts';
import { groupSettings, type OpenGroupOptions } from './group/options.ts';
import type { MasterAddress } from './launcher/launch.ts';
import { readLaunch } from './launcher/read-launch.ts';
import { gatherRanks } from './rendezvous/gather.ts';
import { joinRanks } from './rendezvous/join.ts';
import { readSecret } from './wire/authentication.ts';
import type { Link } from './wire/link.ts';
import { memoryLinks } from './wire/memory-link.ts';

/** A flood of strangers does not fill the log. */
const MOST_WARNINGS = 16;

function warnings(): (error: ArfuseError) => void {
  let left = MOST_WARNINGS;
  return (error) => {
    left -= 1;
    if (left >= 0) process.emitWarning(error.message, { type: error.name, code: error.code });
  };
}

/**
 * Opens the process group that the launcher describes: one rank per process, started by torchrun, mpirun or srun.
 * Resolves at every rank when all have come; {@link readLaunch} says which variables count.
 *
 * Rank 0 listens at the master address and nowhere else. With `ARFUSE_RENDEZVOUS_SECRET` set, each side proves that it knows
 * the secret, and every later message carries an HMAC; messages are not encrypted.
 *
 * @throws LaunchError for the environment; RendezvousError when the port is taken or a rank is out of range, twice or of
 * another group; AuthenticationError for a secret; ProtocolError when another program answers; DeadlineError and
 * PeerLostError, the same at all ranks that have come; UsageError for options
 *
 * @example
 * ```ts
 * const group = await openGroup();
 * await group.agree({ plan: plan.hash, device: 'h200-sxm', arfuse: version });
 * const handles = await group.exchange(handle);
 * await group.close();
 * ```
 */
export async function openGroup(options: OpenGroupOptions = {}): Promise<Group> {
  const env = options.env ?? process.env;
  const { rank, size, localRank: device, master } = readLaunch(env);
  const settings = groupSettings(options, size);
  const common = { size, settings, secret: readSecret(env) };
  const member = { rank, size, device, settings, coordinatorRank: 0 };
  if (rank > 0) {
    const link = await joinRanks({ ...common, rank, master: master as MasterAddress });
    return new Member(link, member);
  }
  const { links, close } = master
    ? await gatherRanks({
        ...common,
        master,
        onListening: options.onListening ?? (() => {}),
        onRefused: options.onRefused ?? warnings(),
      })
    : { links: new Map<number, Link>(), close: () => Promise.resolve() };
  const [own, coordinators] = memoryLinks('rank 0', 'rank 0');
  const coordinator = new Coordinator(new Map<number, Link>([[0, coordinators], ...links]));
  return new Member(own, {
    ...member,
    onClose: async () => {
      await coordinator.leave(0);
      await close();
    },
  });
}
