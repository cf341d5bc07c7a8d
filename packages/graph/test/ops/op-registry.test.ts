import { describe, expect, it } from 'vitest';
import { DEFAULT_OPS, OpRegistry, opBase, opNamespace } from '../../src/index.ts';
import { COLLECTIVE_OPS } from '../../src/ops/tables/collectives.ts';
import { FUSED_OPS } from '../../src/ops/tables/fused.ts';
import { NORM_OPS } from '../../src/ops/tables/norms.ts';
import { QUANTISER_OPS } from '../../src/ops/tables/quantisers.ts';
import { CHECK_OPS, VIEW_OPS, WRITING_OPS } from '../../src/ops/tables/views.ts';

describe('names', () => {
  it.each([
    ['aten.add.Tensor', 'aten.add', 'aten'],
    ['vllm.all_reduce', 'vllm.all_reduce', 'vllm'],
    ['_C.scaled_fp4_quant.out', '_C.scaled_fp4_quant', '_C'],
    ['torch._C._nn.linear', 'torch._C._nn.linear', 'torch'],
    ['call_module.model.layers.0', 'call_module.model.layers.0', 'call_module'],
    ['raw', 'raw', 'raw'],
  ])('%s', (op, base, namespace) => {
    expect(opBase(op)).toBe(base);
    expect(opNamespace(op)).toBe(namespace);
  });
});

describe('the naming rule of in-place ops', () => {
  it.each([
    'aten.add_',
    'aten.masked_fill_.Scalar',
    'torch.relu_',
    'method.mul_',
    'operator.iadd',
    'operator.imatmul',
    'operator.ilshift',
  ])('%s', (op) => {
    expect(OpRegistry.writesFirstByName(op)).toBe(true);
  });

  it.each([
    'aten.add.Tensor',
    'method.__add__',
    'method._',
    'operator.add',
    'operator.index',
    'operator.inv',
    'operator.is_',
    'operator.iconcat',
    'operator.not_',
    'operator.and_',
  ])('not %s', (op) => {
    expect(OpRegistry.writesFirstByName(op)).toBe(false);
  });
});

describe('OpRegistry', () => {
  it('prefers the entry with the overload', () => {
    const registry = new OpRegistry([
      { name: 'my.op', returns: 1 },
      { name: 'my.op.out', returns: 0 },
    ]);
    expect(registry.get('my.op.default')?.returns).toBe(1);
    expect(registry.get('my.op.out')?.returns).toBe(0);
    expect(registry.get('my.other')).toBeUndefined();
  });

  it('lets later entries win, in a registry of its own', () => {
    const registry = new OpRegistry([{ name: 'my.op', returns: 1 }]);
    expect(registry.with([{ name: 'my.op', returns: 2 }]).get('my.op')?.returns).toBe(2);
    expect(registry.get('my.op')?.returns).toBe(1);
  });

  it('finds the NVFP4 quantiser with outputs in front and behind', () => {
    expect(DEFAULT_OPS.get('_C.scaled_fp4_quant.default')?.params?.[0]).toBe('output');
    expect(DEFAULT_OPS.get('_C.scaled_fp4_quant.out')?.params?.[0]).toBe('input');
  });
});

describe('the built-in entries', () => {
  const all = [
    ...COLLECTIVE_OPS,
    ...FUSED_OPS,
    ...NORM_OPS,
    ...QUANTISER_OPS,
    ...VIEW_OPS,
    ...CHECK_OPS,
    ...WRITING_OPS,
  ];
  /** Keywords that other versions of a schema use for the parameter before them. */
  const spellings: Readonly<Record<string, readonly string[]>> = { '_C.rms_norm': ['out'] };

  it('name each op once', () => {
    const names = all.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it.each(all.map((info) => [info.name, info] as const))(
    '%s',
    (name, { params = [], writes = [], aliases, returns, role }) => {
      expect(new Set(params).size).toBe(params.length);
      const own = writes.filter((param) => !spellings[name]?.includes(param));
      // In schema order: `auto_functionalized` returns the states in it.
      expect(own).toEqual(params.filter((param) => own.includes(param)));
      if (writes.length > 0) expect(params).toContain(writes[0]);
      if (aliases !== undefined) expect(params).toContain(aliases);
      if (aliases !== undefined && writes.length > 0) expect(writes).toContain(aliases);
      if (role === 'check') expect([writes, returns]).toEqual([[], 0]);
    },
  );
});
