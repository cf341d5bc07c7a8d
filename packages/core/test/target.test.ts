import { TargetError } from '@arfuse/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraphGroups, groupOf } from '../src/target/groups.ts';
import { checkTarget, formatTarget, parseTarget, SKUS } from '../src/target/index.ts';

describe('parseTarget', () => {
  it('fills in what the GPU model and the defaults say', () => {
    const target = parseTarget('h200-sxm,world=2');
    expect(target).toMatchObject({
      sku: 'h200-sxm',
      capability: 90,
      interconnect: 'nvlink-switch',
      multicast: false,
      groups: { default: { size: 2, nodes: 1 } },
      libraries: {},
    });
    expect(target.tokens).toMatchObject({ max: 8192, graphUpTo: 512 });
    expect(target.tokens.buckets.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 24]);
    for (let size = 1; size <= 512; size *= 2) expect(target.tokens.buckets).toContain(size);
    expect(target.tokens.buckets.at(-1)).toBe(512);
  });

  it('reads every setting, in any order', () => {
    const parts = [
      'h200-sxm',
      'world=8',
      'nodes=2',
      'tokens=4096',
      'buckets=8:1:2:4',
      'multicast=on',
      'interconnect=nvlink-mesh',
      'engine=vllm@0.33',
      'group.ep=4',
      'group.tp:0=16/2',
      'flashinfer=0.7.2.post1',
      'nccl=2.28.9',
      'capability=91',
    ];
    const target = parseTarget(parts.join(','));
    expect(target).toEqual({
      sku: 'h200-sxm',
      capability: 91,
      interconnect: 'nvlink-mesh',
      multicast: true,
      engine: 'vllm@0.33',
      groups: {
        default: { size: 8, nodes: 2 },
        ep: { size: 4, nodes: 1 },
        'tp:0': { size: 16, nodes: 2 },
      },
      tokens: { max: 4096, buckets: [1, 2, 4, 8], graphUpTo: 8 },
      libraries: { flashinfer: '0.7.2.post1', nccl: '2.28.9' },
    });
    expect(parseTarget([...parts].reverse().join(', '))).toEqual(target);
  });

  it('captures up to the largest bucket within graph-up-to', () => {
    expect(parseTarget('b200,world=8,buckets=1:64:1024,graph-up-to=512').tokens.graphUpTo).toBe(64);
    expect(parseTarget('b200,world=8,graph-up-to=0').tokens).toEqual({
      max: 8192,
      buckets: [],
      graphUpTo: 0,
    });
    expect(parseTarget('b200,world=8,buckets=none').tokens.graphUpTo).toBe(0);
    expect(parseTarget('b200,world=8,tokens=100').tokens.buckets.at(-1)).toBe(96);
  });

  it.each([
    ['', 'empty'],
    ['h200-sxm', 'Planning never guesses it'],
    ['world=2', 'no GPU model'],
    ['h200-smx,world=2', 'Did you mean "h200-sxm"?'],
    ['h300,world=2,capability=90', 'say capability= and interconnect='],
    ['h200-sxm,wrld=2', 'Did you mean "world"?'],
    ['h200-sxm,world=2,world=4', 'given twice'],
    ['h200-sxm,b200,world=2', 'two GPU models'],
    ['h200-sxm,world=two', 'world=two'],
    ['h200-sxm,world=0', 'world=0'],
    ['h200-sxm,world=3,nodes=2', '3 ranks on 2 nodes'],
    ['h200-sxm,world=2,multicast=yes', 'neither on nor off'],
    ['h200-sxm,world=2,interconnect=nvlink', 'Did you mean "nvlink-switch"?'],
    ['h200-sxm,world=2,buckets=1:9000', 'bucket 9000 is above tokens=8192'],
    ['h200-sxm,world=2,buckets=1:x', 'buckets=x'],
    ['h200-sxm,world=2,engine=vllm', 'name@version'],
    ['h200-sxm,world=2,nccl=new', 'nccl is "new"'],
    ['h200-sxm,world=2,group.=4', 'names no group'],
    ['h200-sxm,world=2,group.__proto__=4', 'names no group'],
    ['h200-sxm,world=2,group.a=4/2/1', 'two slashes'],
    ['h200-sxm,world=2,group.%E0=4', 'wrong percent escape'],
    ['h200-sxm,,world=2', 'empty part'],
    ['h200-sxm,world=', 'world has no value'],
  ])('refuses %j', (text, sentence) => {
    expect(() => parseTarget(text)).toThrow(TargetError);
    expect(() => parseTarget(text)).toThrow(sentence);
  });
});

describe('formatTarget', () => {
  it('leaves out what is usual', () => {
    expect(formatTarget(parseTarget('world=2,h200-sxm'))).toBe(
      'h200-sxm,world=2,tokens=8192,multicast=off',
    );
    expect(
      formatTarget(parseTarget('h20,group.a%2Cb=4,world=2,tokens=64,buckets=1:2,graph-up-to=1')),
    ).toBe('h20,world=2,group.a%2Cb=4,tokens=64,buckets=1:2,graph-up-to=1,multicast=off');
  });

  it('is read back to an equal target', () => {
    const count = fc.integer({ min: 1, max: 16 });
    const target = fc.record({
      sku: fc.constantFrom(...Object.keys(SKUS), 'mi-900'),
      capability: fc.constantFrom(80, 90, 100),
      interconnect: fc.constantFrom('nvlink-switch', 'pcie', 'none'),
      multicast: fc.boolean(),
      groups: fc
        .dictionary(
          fc
            .string({ minLength: 1 })
            .filter((name) => name !== '__proto__' && name.trim() === name),
          fc.record({ size: count, nodes: fc.constant(1) }),
        )
        .map((groups) => ({ ...groups, default: { size: 8, nodes: 2 } })),
      tokens: fc
        .tuple(
          fc.uniqueArray(fc.integer({ min: 1, max: 600 }), { maxLength: 6 }),
          fc.integer({ min: 0, max: 700 }),
        )
        .map(([buckets, graphUpTo]) => ({
          max: 600,
          buckets: buckets.sort((a, b) => a - b),
          graphUpTo,
        })),
      libraries: fc.constantFrom(
        {},
        { nccl: '2.28.9' },
        { flashinfer: '0.7.2.post1', cuda: '13.0' },
      ),
    });
    fc.assert(
      fc.property(target, (given) => {
        const canonical = checkTarget(given as Parameters<typeof checkTarget>[0]);
        const text = formatTarget(canonical);
        expect(parseTarget(text)).toEqual(canonical);
        expect(formatTarget(parseTarget(text))).toBe(text);
      }),
    );
  });
});

describe('groups', () => {
  const target = parseTarget('h200-sxm,world=8,group.ep=4');

  it('takes the default size for names that are not listed', () => {
    expect(groupOf(target, 'ep').size).toBe(4);
    expect(groupOf(target, 'tp:0').size).toBe(8);
    expect(groupOf(target, 'constructor').size).toBe(8);
  });

  it('must agree with what the graph states', () => {
    expect(() => checkGraphGroups(target, ['ep', 'tp'], { ep: 4 })).not.toThrow();
    expect(() => checkGraphGroups(target, ['tp'], { tp: 2 })).toThrow(
      'group "tp" has 2 ranks in the graph, and 8 in the target. Say group.tp=2',
    );
  });
});
