import type * as Zod from 'zod';
import { zod } from './zod.ts';

const QUANTISERS = ['', '_fp8_static', '_fp8_token', '_fp8_group', '_nvfp4'] as const;
const CHAINS = ['ar_rms', 'ar_add_rms', 'ar_prepost'] as const;
const patterns = CHAINS.flatMap((chain) =>
  QUANTISERS.map((quantiser) => `${chain}${quantiser}` as const),
);

function build(z: typeof Zod) {
  const text = z.string().min(1);
  const count = z.int().positive();
  const micros = z.number().positive();
  const semver = z
    .string()
    .regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/, 'expected a semantic version such as 1.2.0');
  const kernelId = z
    .string()
    .regex(
      /^(@[a-z0-9-][a-z0-9-._]*\/)?[a-z0-9-][a-z0-9-._]*\/[a-z0-9-._]+$/,
      'expected `npm-name/kernel`',
    );
  const kernels = z.array(kernelId).min(1).readonly();

  const keySchema = z.strictObject({
    sku: text.nullable(),
    capability: count,
    groupSize: count,
    nodes: count,
    interconnect: z
      .enum(['nvlink-switch', 'nvlink-bridge', 'nvlink-mesh', 'pcie', 'none'])
      .nullable(),
    multicast: z.boolean().nullable(),
    dtype: z.enum(['bf16', 'f16', 'f32']),
    pattern: z.enum([...patterns, 'all_reduce', 'rms', 'add_rms']),
    mode: z.enum(['graph', 'eager']),
  });

  const measuredRowSchema = z
    .strictObject({
      key: keySchema,
      tokens: count,
      hidden: count,
      itemsize: z.union([z.literal(2), z.literal(4)]),
      kernels,
      implementation: z.strictObject({ implementation: text, version: text }).optional(),
      variant: text.optional(),
      medianUs: micros,
      p10Us: micros.optional(),
      p90Us: micros.optional(),
      n: count.optional(),
      verified: z.boolean().optional(),
    })
    .refine((row) => row.itemsize === (row.key.dtype === 'f32' ? 4 : 2), {
      path: ['itemsize'],
      error: 'expected the bytes of one element of key.dtype',
    })
    .refine((row) => (row.p10Us ?? row.medianUs) <= row.medianUs, {
      path: ['p10Us'],
      error: 'expected at most medianUs',
    })
    .refine((row) => (row.p90Us ?? row.medianUs) >= row.medianUs, {
      path: ['p90Us'],
      error: 'expected at least medianUs',
    });

  const limitRowSchema = z
    .strictObject({
      key: keySchema,
      kernels,
      unit: z.enum(['bytes', 'tokens']),
      min: z.int().nonnegative(),
      minInclusive: z.boolean().optional(),
      max: count,
      maxInclusive: z.boolean(),
      hidden: z.tuple([count, count]).readonly().optional(),
      citation: text,
    })
    .refine((row) => row.min <= row.max, { path: ['max'], error: 'expected at least min' })
    .refine((row) => row.hidden === undefined || row.hidden[0] <= row.hidden[1], {
      path: ['hidden'],
      error: 'expected [min, max] in ascending order',
    });

  const provenanceSchema = z.strictObject({
    source: text,
    date: z.iso.date().optional(),
    driver: text.optional(),
    cuda: text.optional(),
    nccl: text.optional(),
    flashinfer: text.optional(),
    arfuse: text.optional(),
    host: text.optional(),
    protocol: text.optional(),
    seed: text.optional(),
  });

  const base = {
    specificationVersion: z.literal(1),
    name: z
      .string()
      .regex(
        /^(@[a-z0-9-]+\/)?[a-z0-9][a-z0-9-._]*(\/[a-z0-9][a-z0-9-._]*)?$/,
        'expected an npm-style name',
      ),
    version: semver,
    title: text,
    synthetic: z.boolean().optional(),
    provenance: provenanceSchema,
  };

  const measured = z.strictObject({
    ...base,
    kind: z.literal('measured'),
    rows: z.array(measuredRowSchema).min(1).readonly(),
  });

  const limits = z.strictObject({
    ...base,
    kind: z.literal('limits'),
    rows: z.array(limitRowSchema).min(1).readonly(),
  });

  return { measured, limits, table: z.discriminatedUnion('kind', [measured, limits]) };
}

/** Schemas of the JSON form of threshold tables. */
export interface TableSchemas {
  /** Times that were measured. */
  readonly measured: ReturnType<typeof build>['measured'];
  /** Limits that somebody published. */
  readonly limits: ReturnType<typeof build>['limits'];
  /** Either kind. */
  readonly table: ReturnType<typeof build>['table'];
}

let built: TableSchemas | undefined;

/** The zod schemas of threshold tables, built at the first call. */
export function tableSchemas(): TableSchemas {
  built ??= build(zod());
  return built;
}
