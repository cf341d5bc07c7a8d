import { expectedBytes, Random, siteInputBytes, siteInputs } from '@arfuse/reference';
import { LocalRanks } from '@arfuse/runtime';
import { describe, expect, it } from 'vitest';

import { parseTarget } from '../../src/target/index.ts';
import { planOf } from '../plan-of.ts';
import { failuresOf, openRanks } from './ranks.ts';

const PLAN = planOf([{ chain: 'ar_add_rms', hidden: 256 }], {
  target: parseTarget('h200-sxm,world=2,tokens=64,buckets=4:16:64,graph-up-to=64'),
});

describe('a step', () => {
  it('replays the bucket that holds the tokens, and runs eagerly without one', async () => {
    const { executors } = await openRanks(PLAN);
    const runner = new LocalRanks(executors);
    const site = PLAN.classes[0]!;
    const segment = PLAN.decisions[0]!.segments[0]!;
    const ids = await runner.bindings('c0');
    const steps = executors.map((executor, rank) => executor.defineStep([ids[rank]!]));
    const run = async (tokens: number, rows: number) => {
      const inputs = siteInputs(site, new Random(tokens), { ranks: 2, rows });
      const expected = expectedBytes(site, segment, inputs);
      await runner.fill('c0', siteInputBytes(inputs));
      await Promise.all(executors.map((executor, rank) => executor.step(steps[rank]!, tokens)));
      expect(await runner.read('c0', expected)).toEqual(expected);
      expect(await runner.strayWrite('c0', expected)).toBeUndefined();
    };
    await run(3, 3);
    executors.forEach((executor, rank) => {
      executor.capture(steps[rank]!);
    });
    await run(3, 4);
    await run(5, 16);
    await run(64, 64);
    await runner.close();
  });

  it('chains sites: the residual of one is the sum of the one before', async () => {
    const plan = planOf(
      [
        { chain: 'ar_add_rms', hidden: 256 },
        { chain: 'ar_add_rms', hidden: 256 },
      ],
      { target: parseTarget('h200-sxm,world=2,tokens=8') },
    );
    const { executors } = await openRanks(plan);
    const site = plan.classes[0]!;
    const first = siteInputs(site, new Random(1), { ranks: 2, rows: 8 });
    const results = await Promise.all(
      executors.map(async (executor) => {
        const a = executor.allocateSite('s0');
        const b = executor.allocateSite('s1');
        const chained = {
          partials: a.partials,
          inputs: { ...b.inputs, residual: a.outputs.residual!, weight: a.inputs.weight! },
          // In place: the second site adds to the same stream.
          outputs: { ...b.outputs, residual: a.outputs.residual! },
        };
        const bytes = (tensor: { data: Float64Array }) =>
          Uint16Array.from(
            tensor.data,
            (value) => new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16,
          );
        await executor.write(a.partials[0]!, bytes(first.partials[executor.rank]![0]!));
        await executor.write(a.inputs.residual!, bytes(first.residual!));
        await executor.write(a.inputs.weight!, bytes(first.weight!));
        const step = executor.defineStep([executor.bind('s0', a), executor.bind('s1', chained)]);
        await executor.step(step, 8);
        return await executor.read(a.outputs.residual!);
      }),
    );
    const segment = plan.decisions[0]!.segments[0]!;
    const [one] = expectedBytes(site, segment, first);
    const middle = Float64Array.from(new Uint16Array(one!.residual!.slice().buffer), (code) => {
      const view = new DataView(new ArrayBuffer(4));
      view.setUint32(0, code << 16);
      return view.getFloat32(0);
    });
    const second = { ...first, residual: { ...first.residual!, data: middle } };
    const [two] = expectedBytes(site, segment, second);
    for (const bytes of results) expect(bytes).toEqual(two!.residual!);
    await Promise.all(executors.map((executor) => executor.close()));
  });

  it('refuses token counts, ids and buckets that do not exist', async () => {
    const { executors } = await openRanks(PLAN);
    const [executor] = executors;
    const id = executor!.bind('s0', executor!.allocateSite('s0'));
    const step = executor!.defineStep([id]);
    expect(() => executor!.launch(id, 65)).toThrow('site s0 cannot be launched for 65 tokens');
    expect(() => executor!.launch(id, 0)).toThrow('cannot be launched for 0 tokens');
    expect(() => executor!.launch(7, 1)).toThrow('there is no binding 7');
    expect(() => executor!.defineStep([3])).toThrow('there is no binding 3');
    expect(() => executor!.enqueue(step, 1.5)).toThrow('tokens is 1.5');
    expect(() => executor!.capture(step, [65])).toThrow('bucket is 65');
    expect(() => executor!.bind('s9', executor!.allocateSite('s0'))).toThrow('no site "s9"');
    await Promise.all(executors.map((each) => each.close()));
    const [failure] = await failuresOf([executor!.sync()]);
    expect(failure).toMatchObject({ code: 'ARFUSE_USAGE' });
  });
});

describe('buffers', () => {
  it('are checked by name, shape and alignment, and stay open while they are bound', async () => {
    const { executors } = await openRanks(PLAN);
    const [executor] = executors;
    const buffers = executor!.allocateSite('s0');
    const bind = (change: object) => () => executor!.bind('s0', { ...buffers, ...change });
    const short = executor!.allocate({ dtype: 'bf16', shape: [63, 256] });
    expect(bind({ partials: [short] })).toThrow(
      'site s0: the partial is bf16[63, 256]; it needs bf16[64, 256]',
    );
    expect(bind({ partials: [] })).toThrow('0 partials are given; it needs 1');
    const { weight: _, ...inputs } = buffers.inputs;
    expect(bind({ inputs })).toThrow('input "weight" is missing; it needs bf16[256]');
    expect(bind({ inputs: { ...buffers.inputs, bias: short } })).toThrow('it has no input "bias"');
    executor!.bind('s0', buffers);
    expect(() => buffers.partials[0]!.close()).toThrow('while 1 site is bound to it');
    short.close();
    expect(() => short.place).toThrow('is used after it was closed');
    await Promise.all(executors.map((each) => each.close()));
    buffers.partials[0]!.close();
  });

  it('can be views of memory that someone else owns', async () => {
    const { executors, devices } = await openRanks(PLAN);
    const memory = devices[0]!.allocate(64 * 256 * 2);
    using view = executors[0]!.view({ dtype: 'bf16', shape: [64, 256] }, memory.address, 64 * 512);
    await executors[0]!.write(view, new Uint8Array(4).fill(7));
    expect((await executors[0]!.read(view, 5)).slice(0, 4)).toEqual(new Uint8Array(4).fill(7));
    await Promise.all(executors.map((each) => each.close()));
  });
});
