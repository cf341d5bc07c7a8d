import { type Target, TargetError, type TargetGroup } from '@arfuse/contract';

/** The target's group of a name: its own entry, else `default`. */
export function groupOf(target: Target, name: string): TargetGroup {
  return Object.hasOwn(target.groups, name) && name !== 'default'
    ? target.groups[name]!
    : target.groups.default!;
}

/**
 * The sizes that a graph states must be the target's.
 * @throws TargetError
 */
export function checkGraphGroups(
  target: Target,
  names: readonly string[],
  stated: Readonly<Record<string, number>> | undefined,
): void {
  for (const name of names) {
    if (!stated || !Object.hasOwn(stated, name)) continue;
    const { size } = groupOf(target, name);
    if (stated[name] === size) continue;
    throw new TargetError({
      message: `target: ${name === '' ? 'the group of an op that names none' : `group "${name}"`} has ${stated[name]} ranks in the graph, and ${size} in the target.`,
      hint:
        name === ''
          ? `Say world=${stated[name]}.`
          : `Say group.${name}=${stated[name]}, or world=${stated[name]} when it is the only size.`,
      details: { group: name, graph: stated[name], target: size },
    });
  }
}
