import { createRequire } from 'node:module';
import { DTYPES, NUMERICS_FIELDS, type Plan, SITE_OUTPUTS } from '@arfuse/contract';
import type * as Zod from 'zod';

function buildPlanSchema(z: typeof Zod) {
  const text = z.string();
  const count = z.int().min(0);
  const positive = z.int().min(1);
  const range = z.tuple([positive, positive]);
  const dtype = z.enum(DTYPES);
  const ioDtype = z.enum(['bf16', 'f16', 'f32']);
  const output = z.enum(SITE_OUTPUTS as [string, ...string[]]);
  const mode = z.enum(['graph', 'eager']);
  const place = z.enum(['before', 'after']);
  const rounding = z.enum(['rounded', 'unrounded']);
  const scaleForm = z.enum(['reciprocal', 'divide']);
  const scaleLayout = z.enum([
    'none',
    'row_major',
    'column_major',
    'column_major_packed',
    'swizzled_128x4',
    'linear',
  ]);
  const weightBias = z.union([z.literal(0), z.literal(1)]);
  const stageKind = z.enum([
    'merge',
    'all_reduce',
    'bias',
    'scale',
    'pre_norm',
    'residual',
    'norm',
    'quant',
  ]);
  const pattern = text.regex(
    /^ar_(rms|add_rms|prepost)(_(fp8_static|fp8_token|fp8_group|nvfp4))?$/,
  );
  const version = z.strictObject({ name: text, version: text });

  const normAttributes = { eps: z.number(), weightDtype: dtype.nullable(), weightBias };

  const stage = z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('merge') }),
    z.strictObject({
      kind: z.literal('all_reduce'),
      partial: z.union([z.literal(0), z.literal(1)]).optional(),
    }),
    z.strictObject({ kind: z.literal('bias'), dtype }),
    z.strictObject({ kind: z.literal('scale'), factor: z.number() }),
    z.strictObject({ kind: z.literal('pre_norm'), ...normAttributes, weightMultiply: place }),
    z.strictObject({ kind: z.literal('residual'), factor: z.number().nullable() }),
    z.strictObject({ kind: z.literal('norm'), ...normAttributes }),
    z.strictObject({
      kind: z.literal('quant'),
      scheme: z.enum(['fp8_static', 'fp8_token', 'fp8_group', 'nvfp4']),
      outputDtype: dtype,
      groupSize: positive.nullable(),
      scaleDtype: dtype.nullable(),
      scaleFloor: z.number().nullable(),
      scaleForm,
      scaleLayout,
    }),
  ]);

  const numerics = z.strictObject({
    accumulate: z.enum(['f32', 'io', 'unspecified']),
    reduceOrder: z.enum(['rank', 'ring', 'tree', 'unspecified']),
    hopRounding: z.union([z.boolean(), z.literal('unspecified')]),
    allReduceRounded: z.boolean(),
    normInput: rounding,
    weightMultiply: place,
    weightBias,
    weightDtype: dtype.nullable(),
    preNormWeightMultiply: place.nullable(),
    quantInput: rounding.nullable(),
    scaleFloor: z.number().nullable(),
    scaleForm: scaleForm.nullable(),
    scaleLayout: scaleLayout.nullable(),
    nan: z.enum(['propagate', 'lost']),
    geometryInvariant: z.boolean(),
    mergedPartials: z.boolean(),
  });

  const scalar = z.union([text, z.number(), z.boolean(), z.null()]);

  const steps = z
    .array(
      z.strictObject({
        kernel: text,
        params: z.record(text, z.union([scalar, z.array(scalar)])),
        covers: z.array(stageKind).min(1),
      }),
    )
    .min(1);

  const evidence = z.strictObject({
    kind: z.enum(['rule', 'measured', 'transferred', 'published', 'estimated', 'static']),
    table: text.optional(),
    us: z.number().optional(),
    spread: z.number().optional(),
    note: text,
  });

  const segment = z.strictObject({
    tokens: range,
    mode,
    steps,
    evidence,
    numerics,
    deviations: z.array(
      z.strictObject({
        name: z.enum(NUMERICS_FIELDS as [string, ...string[]]),
        site: scalar,
        steps: scalar,
      }),
    ),
    reason: text,
    expectedUs: z.number().optional(),
  });

  const fate = z.strictObject({
    name: text,
    kernels: z.array(text),
    fate: z.enum(['chosen', 'slower', 'refused', 'denied', 'no evidence']),
    tokens: z.array(range),
    reasons: z.array(text),
  });

  const group = z.strictObject({ size: positive, nodes: positive });

  const target = z.strictObject({
    sku: text,
    capability: positive,
    interconnect: z.enum(['nvlink-switch', 'nvlink-bridge', 'nvlink-mesh', 'pcie', 'none']),
    multicast: z.boolean(),
    groups: z.record(text, group),
    tokens: z.strictObject({ max: positive, buckets: z.array(positive), graphUpTo: count }),
    engine: text.optional(),
    libraries: z.strictObject({
      flashinfer: text.optional(),
      nccl: text.optional(),
      cuda: text.optional(),
    }),
  });

  const settings = z.record(text, text);
  const chain = {
    fused: z.boolean(),
    steps,
    numerics: numerics.partial(),
    rule: text,
    citation: text,
    passedOver: z.array(z.strictObject({ kernel: text, reason: text, citation: text })),
  };
  const engine = z.strictObject({
    id: text,
    release: text,
    settings: z.strictObject({ env: settings, config: settings }),
    assumptions: z.array(
      z.strictObject({
        name: text,
        value: scalar,
        from: z.enum(['default', 'env', 'config', 'target', 'graph']),
        sentence: text,
        citation: text.optional(),
      }),
    ),
    warnings: z.array(text),
    sites: z.array(
      z.strictObject({
        site: text,
        fused: z.boolean(),
        pattern: text.nullable(),
        covers: z.array(stageKind),
        reasons: z.array(text),
        citation: text,
      }),
    ),
    today: z.array(
      z.strictObject({
        class: text,
        segments: z
          .array(
            z.strictObject({
              ...chain,
              tokens: range,
              mode,
              evidence: evidence.optional(),
            }),
          )
          .min(1),
      }),
    ),
  });

  /** A plan document, strictly: unknown members are errors. */
  return z.strictObject({
    specificationVersion: z.literal(1),
    kind: z.literal('arfuse.plan'),
    summary: z.strictObject({
      nodes: count,
      allReduces: count,
      sites: count,
      merged: count,
      plain: count,
      alreadyFused: count,
      engineFused: count.optional(),
    }),
    target,
    engine: engine.optional(),
    tables: z.array(version),
    backends: z.array(version),
    groups: z.array(z.strictObject({ name: text, size: positive, nodes: positive })),
    classes: z.array(
      z.strictObject({
        id: text,
        pattern,
        stages: z.array(stage).min(1),
        outputs: z.array(output),
        hidden: positive,
        dtype: ioDtype,
        group: count,
        numerics,
      }),
    ),
    sites: z.array(
      z.strictObject({
        id: text,
        class: text,
        pattern,
        allReduces: z.array(text).min(1).max(2),
        group: text,
        hidden: positive,
        dtype: ioDtype,
        weightDtype: dtype.nullable(),
        eps: z.number(),
        weightBias,
        outputs: z.array(output),
        rows: text,
        layer: text.optional(),
      }),
    ),
    misses: z.array(
      z.strictObject({
        allReduce: text,
        phase: z.enum(['structure', 'use', 'check']),
        node: text,
        reason: text,
      }),
    ),
    alreadyFused: z.array(
      z.strictObject({
        node: text,
        op: text,
        pattern,
        hidden: positive,
        eps: z.number().nullable(),
        class: text,
      }),
    ),
    decisions: z.array(
      z.strictObject({
        class: text,
        sites: z.array(text),
        segments: z.array(segment).min(1),
        candidates: z.array(fate),
      }),
    ),
    plain: z
      .array(
        z.strictObject({
          id: text,
          allReduces: z.array(text).min(1),
          group: count,
          hidden: positive,
          dtype: ioDtype,
          segments: z.array(segment).min(1),
          candidates: z.array(fate),
        }),
      )
      .optional(),
    notes: z.array(text),
    slices: z.record(
      text,
      z.strictObject({
        graph: z.unknown(),
        site: text,
        inputs: z.strictObject({
          partials: z.array(text),
          residual: text.optional(),
          weight: text.optional(),
          bias: text.optional(),
          preNormWeight: text.optional(),
          scale: text.optional(),
        }),
        outputs: z.partialRecord(output, text),
      }),
    ),
    hash: text.regex(/^[0-9a-f]{64}$/),
  });
}

let schema: ReturnType<typeof buildPlanSchema> | undefined;

/** Built at first use, with the schema library: planning checks no document, and loading it takes longer. */
function planSchema(): NonNullable<typeof schema> {
  schema ??= buildPlanSchema(createRequire(import.meta.url)('zod') as typeof Zod);
  return schema;
}

/** First thing wrong with a document, with the path to it; undefined when it has the form of a plan. */
export function planProblem(
  document: unknown,
): { readonly path: readonly PropertyKey[]; readonly message: string } | undefined {
  const result = planSchema().safeParse(document);
  if (result.success) return undefined;
  const issue = result.error.issues[0]!;
  return { path: issue.path, message: issue.message };
}

/** Whether a document has the form of a plan. */
export function isPlanDocument(document: unknown): document is Plan {
  return planProblem(document) === undefined;
}
