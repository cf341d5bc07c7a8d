import { isLibraryVersion, type Target, TargetError, type TargetGroup } from '@arfuse/contract';
import { suggestion } from './nearest.ts';
import { INTERCONNECTS } from './skus.ts';

const ENGINE = /^[a-z][a-z0-9-]*@\d+(\.\d+)*([a-z]+\d*)?$/;

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0;

function fail(message: string, hint: string, details: Readonly<Record<string, unknown>>): never {
  throw new TargetError({ message: `target: ${message}`, hint, details });
}

function checkGroup(name: string, group: TargetGroup): void {
  const { size, nodes } = group;
  const what = name === 'default' ? 'world' : `group.${name}`;
  if (!isCount(size))
    fail(`${what} has size ${String(size)}.`, 'Use a positive integer.', { group: name, size });
  if (!isCount(nodes))
    fail(`${what} has ${String(nodes)} nodes.`, 'Use a positive integer.', { group: name, nodes });
  if (size % nodes !== 0) {
    fail(
      `${what} has ${size} ranks on ${nodes} nodes.`,
      'Every node must hold the same number of ranks.',
      {
        group: name,
        size,
        nodes,
      },
    );
  }
}

function checkTokens({ max, buckets, graphUpTo }: Target['tokens']): void {
  if (!isCount(max)) fail(`tokens is ${String(max)}.`, 'Use a positive integer.', { tokens: max });
  buckets.forEach((bucket, i) => {
    if (!isCount(bucket))
      fail(`bucket ${String(bucket)} is no token count.`, 'Use positive integers.', { bucket });
    if (bucket > max)
      fail(`bucket ${bucket} is above tokens=${max}.`, 'Raise tokens or drop the bucket.', {
        bucket,
        max,
      });
    if (i > 0 && bucket <= buckets[i - 1]!) {
      fail(
        `bucket ${bucket} follows ${buckets[i - 1]}.`,
        'Give buckets in ascending order, each once.',
        { bucket },
      );
    }
  });
  if (!Number.isSafeInteger(graphUpTo) || graphUpTo < 0) {
    fail(`graph-up-to is ${String(graphUpTo)}.`, 'Use 0 or a positive integer.', { graphUpTo });
  }
}

/**
 * Checks a target that was made by hand and brings it into its one form: groups by name, `graphUpTo` the largest
 * bucket that is captured, undefined members left out.
 * @throws TargetError that names the field and what to write
 */
export function checkTarget(target: Target): Target {
  if (typeof target.sku !== 'string' || !/^[a-z0-9][a-z0-9-]*$/.test(target.sku)) {
    fail(
      `GPU model ${JSON.stringify(target.sku)} is no key.`,
      'Use lower-case letters, digits and dashes: h200-sxm.',
      {
        sku: target.sku,
      },
    );
  }
  if (
    !Number.isSafeInteger(target.capability) ||
    target.capability < 50 ||
    target.capability > 300
  ) {
    fail(
      `capability is ${String(target.capability)}.`,
      'Use the compute capability ×10: 90 for Hopper.',
      {
        capability: target.capability,
      },
    );
  }
  if (!INTERCONNECTS.includes(target.interconnect)) {
    const given = String(target.interconnect);
    fail(`interconnect is "${given}".`, suggestion(given, INTERCONNECTS, 'interconnects'), {
      interconnect: given,
    });
  }
  if (!target.groups.default) {
    fail(
      'no world size.',
      'Say how many ranks all-reduce together: world=8. Planning never guesses it.',
      {},
    );
  }
  const groups: Record<string, TargetGroup> = {};
  for (const name of Object.keys(target.groups).sort()) {
    const group = target.groups[name]!;
    checkGroup(name, group);
    groups[name] = { size: group.size, nodes: group.nodes };
  }
  checkTokens(target.tokens);
  const { max, buckets } = target.tokens;
  const captured = buckets.filter((bucket) => bucket <= target.tokens.graphUpTo);
  if (target.engine !== undefined && !ENGINE.test(target.engine)) {
    fail(`engine is "${target.engine}".`, 'Write name@version: vllm@0.33.', {
      engine: target.engine,
    });
  }
  const libraries: Record<string, string> = {};
  for (const name of ['flashinfer', 'nccl', 'cuda'] as const) {
    const version = target.libraries[name];
    if (version === undefined) continue;
    if (!isLibraryVersion(version)) {
      fail(`${name} is "${version}".`, 'Write a version: 2.28.9, 0.7.2.post1.', {
        library: name,
        version,
      });
    }
    libraries[name] = version;
  }
  return {
    sku: target.sku,
    capability: target.capability,
    interconnect: target.interconnect,
    multicast: target.multicast === true,
    groups,
    tokens: { max, buckets: [...buckets], graphUpTo: captured.at(-1) ?? 0 },
    ...(target.engine === undefined ? {} : { engine: target.engine }),
    libraries,
  };
}
