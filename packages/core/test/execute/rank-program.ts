// One rank with an executor, in a process or a worker thread of its own; does what its parent asks.
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { ArfuseError, type Plan } from '@arfuse/contract';
import {
  expectedBytes,
  Random,
  referenceDevice,
  type SiteInputs,
  siteInputBytes,
  siteInputs,
} from '@arfuse/reference';
import {
  createExecutor,
  type Executor,
  type Group,
  joinLocalGroup,
  type LocalSeat,
  openGroup,
  type SiteBuffers,
} from '@arfuse/runtime';

/** What the parent asks. */
export type RankCommand =
  | { readonly do: 'open'; readonly plan: Plan; readonly deadlineMs: number }
  /** Runs a step of the plan's first site on inputs of a seed; says whether its results are the reference's. */
  | { readonly do: 'run'; readonly seed: number }
  /** Runs a step and says what it fails with, and after how long. */
  | { readonly do: 'fail' }
  | { readonly do: 'close' };

/** What `fail` tells. */
export interface RankFailure {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

const ROWS = 2;
let group: Group;
let executor: Executor;
let plan: Plan;
let buffers: SiteBuffers;
let step: number;

async function fill(inputs: SiteInputs): Promise<void> {
  const { partials, shared } = siteInputBytes(inputs);
  await executor.write(buffers.partials[0]!, partials[executor.rank]![0]!);
  for (const [name, buffer] of Object.entries(buffers.inputs))
    await executor.write(buffer, shared[name as keyof typeof shared]!);
}

async function perform(command: RankCommand): Promise<unknown> {
  if (command.do === 'open') {
    plan = command.plan;
    group = isMainThread
      ? await openGroup({ onListening: (port) => tell({ listening: port }) })
      : await joinLocalGroup((workerData as { seat: LocalSeat }).seat);
    const { deadlineMs } = command;
    executor = await createExecutor(plan, group, { device: referenceDevice(group), deadlineMs });
    buffers = executor.allocateSite('s0');
    step = executor.defineStep([executor.bind('s0', buffers)]);
    executor.capture(step, [ROWS]);
    return group.rank;
  }
  if (command.do === 'run') {
    const site = plan.classes[0]!;
    const inputs = siteInputs(site, new Random(command.seed), { ranks: group.size, rows: ROWS });
    await fill(inputs);
    await executor.step(step, ROWS);
    const expected = expectedBytes(site, plan.decisions[0]!.segments[0]!, inputs)[group.rank]!;
    for (const [name, buffer] of Object.entries(buffers.outputs)) {
      const wanted = expected[name as keyof typeof expected]!;
      const found = await executor.read(buffer, wanted.length);
      if (Buffer.compare(found, wanted) !== 0) return false;
    }
    return true;
  }
  if (command.do === 'fail') {
    const failure = await executor.step(step, ROWS).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!ArfuseError.isInstance(failure)) throw failure ?? new Error('it did not fail');
    return failure.toJSON();
  }
  await executor.close();
  await group.close();
  return undefined;
}

function tell(message: object): void {
  if (isMainThread) process.send?.(message);
  else parentPort!.postMessage(message);
}

function listen(message: { readonly id: number; readonly command: RankCommand }): void {
  void perform(message.command).then(
    (value) => tell({ id: message.id, value }),
    (error: unknown) =>
      tell({
        id: message.id,
        error: ArfuseError.isInstance(error) ? error.message : String(error),
      }),
  );
}

if (isMainThread) {
  process.on('message', listen);
  process.on('disconnect', () => process.exit());
} else {
  parentPort!.on('message', listen);
}
