import { findStage, type Plan, type PlanSegment, type SiteClass } from '@arfuse/contract';
import type { PlanExport } from '../plan-export.ts';
import {
  type AutoDeployStrategy,
  allReduceKernels,
  strategyOf,
  type TensorRtLlmStrategy,
} from './strategy.ts';

/** What an export writes for TensorRT-LLM's two ways of building a model. */
export interface TensorRtLlmConfig {
  /** Arguments of `LLM(…)`, PyTorch backend. */
  readonly llmArgs: { readonly allreduce_strategy: TensorRtLlmStrategy };
  /** AutoDeploy's YAML: members that differ from its `default.yaml`, which it is merged into. */
  readonly autoDeploy: {
    readonly transforms: {
      readonly detect_sharding: { readonly allreduce_strategy: AutoDeployStrategy };
      readonly fuse_allreduce_residual_rmsnorm: { readonly enabled: boolean };
    };
  };
}

/** A plan as TensorRT-LLM configuration. */
export interface TensorRtLlmExport extends PlanExport {
  readonly target: 'tensorrt-llm';
  readonly config: TensorRtLlmConfig;
}

const SOURCE =
  'NVIDIA/TensorRT-LLM, repository copies that were read and not run: tensorrt_llm/llmapi/llm_args.py at commit 00043967, ' +
  'tensorrt_llm/_torch/auto_deploy/config/default.yaml at commit 0034d905, transform/library/collectives.py at commit 0d134a5c';

/** A class or a plain all-reduce with its segments. */
interface Decided {
  readonly name: string;
  readonly segments: readonly PlanSegment[];
}

const range = ([min, max]: readonly [number, number]): string =>
  min === max ? `${min}` : `${min} to ${max}`;

/** The one strategy that all segments agree on, else AUTO with sentences for what is lost. */
function chooseStrategy(decided: readonly Decided[]): {
  strategy: AutoDeployStrategy;
  lost: string[];
} {
  const launches = decided.flatMap(({ name, segments }) =>
    segments.flatMap((segment) =>
      [...new Set(allReduceKernels(segment))].map((kernel) => ({ name, segment, kernel })),
    ),
  );
  const kernels = [...new Set(launches.map(({ kernel }) => kernel))];
  const unknown = launches
    .filter(({ kernel }) => strategyOf(kernel) === undefined)
    .map(
      ({ name, segment, kernel }) =>
        `${name}: the plan runs the all-reduce of ${range(segment.tokens)} tokens by ${kernel}; TensorRT-LLM has no strategy for it.`,
    );
  const [only] = kernels;
  const strategy = only === undefined ? undefined : strategyOf(only);
  if (kernels.length === 1 && strategy !== undefined) return { strategy, lost: [] };
  const mixed =
    kernels.length > 1
      ? [
          `The plan takes ${kernels.length} all-reduce kernels by token count (${kernels.join(', ')}); TensorRT-LLM takes one strategy for every size, or AUTO, which picks by its own tuning when the model is built.`,
        ]
      : [];
  return { strategy: 'AUTO', lost: [...unknown, ...mixed] };
}

/** Why AutoDeploy's pattern (all-reduce, add in either order, RMSNorm with weight) is not the class's chain. */
function autoDeployReasons({ stages, outputs }: SiteClass): string[] {
  const norm = findStage(stages, 'norm');
  const residual = findStage(stages, 'residual');
  const others = stages
    .map(({ kind }) => kind)
    .filter((kind) => !['all_reduce', 'residual', 'norm', 'quant'].includes(kind));
  return [
    ...others.map((kind) => `its chain has a ${kind} stage, which the pattern has not.`),
    ...(residual === undefined ? ['it adds no residual before the norm.'] : []),
    ...(residual && residual.factor !== null
      ? [`its residual is scaled by ${residual.factor}.`]
      : []),
    ...(norm?.weightBias === 1 ? ['it is a Gemma norm (1 + w).'] : []),
    ...(norm?.weightDtype === null ? ['its norm has no weight.'] : []),
    ...(outputs.includes('all_reduce')
      ? ['its all-reduced value is read besides the sum, which the fused op does not return.']
      : []),
  ];
}

const isFused = ({ steps }: PlanSegment): boolean =>
  steps.some(({ covers }) => covers.includes('all_reduce') && covers.length > 1);

function fusionGaps(plan: Plan): { enabled: boolean; sentences: string[] } {
  const sentences: string[] = [];
  let enabled = false;
  for (const { class: id, segments } of plan.decisions) {
    const site = plan.classes.find((found) => found.id === id)!;
    const fused = segments.filter(isFused);
    if (fused.length === 0) continue;
    const reasons = autoDeployReasons(site);
    enabled ||= reasons.length === 0;
    sentences.push(
      ...reasons.map(
        (reason) =>
          `${id} (${site.pattern}): the plan fuses it, and AutoDeploy does not: ${reason}`,
      ),
    );
    if (findStage(site.stages, 'quant') && reasons.length === 0) {
      sentences.push(
        `${id} (${site.pattern}): AutoDeploy fuses the norm and quantises separately.`,
      );
    }
  }
  const unfused = plan.decisions.filter(({ segments }) => segments.some((one) => !isFused(one)));
  if (enabled && unfused.length > 0) {
    sentences.push(
      `The plan leaves token ranges of ${unfused.map(({ class: id }) => id).join(', ')} unfused; AutoDeploy's fused op is called at every size.`,
    );
  }
  return { enabled, sentences };
}

/** Shape is fixed and every value a bare word, so nothing needs quoting. */
function autoDeployYaml({ transforms }: TensorRtLlmConfig['autoDeploy']): string {
  return [
    'transforms:',
    '  detect_sharding:',
    `    allreduce_strategy: ${transforms.detect_sharding.allreduce_strategy}`,
    '  fuse_allreduce_residual_rmsnorm:',
    `    enabled: ${transforms.fuse_allreduce_residual_rmsnorm.enabled}`,
    '',
  ].join('\n');
}

/**
 * The TensorRT-LLM configuration that comes nearest to a plan: one all-reduce strategy for every size, and, for
 * AutoDeploy, whether all-reduce + add + RMSNorm is fused. Only members that were read in its source are written.
 */
export function exportTensorRtLlm(plan: Plan): TensorRtLlmExport {
  const decided: Decided[] = [
    ...plan.decisions.map(({ class: name, segments }) => ({ name, segments })),
    ...(plan.plain ?? []).map(({ id: name, segments }) => ({ name, segments })),
  ];
  const { strategy, lost } = chooseStrategy(decided);
  const { enabled, sentences } = fusionGaps(plan);
  const llmStrategy = strategy === 'SYMM_MEM' ? 'AUTO' : strategy;
  const config: TensorRtLlmConfig = {
    llmArgs: { allreduce_strategy: llmStrategy },
    autoDeploy: {
      transforms: {
        detect_sharding: { allreduce_strategy: strategy },
        fuse_allreduce_residual_rmsnorm: { enabled },
      },
    },
  };
  const llmArgs = `allreduce_strategy: ${llmStrategy}\n`;
  const autoDeploy = autoDeployYaml(config.autoDeploy);
  const groups = [...new Set(plan.groups.map(({ size }) => size))];
  return {
    target: 'tensorrt-llm',
    config,
    text: `# LLM arguments (PyTorch backend)\n${llmArgs}---\n# AutoDeploy\n${autoDeploy}`,
    files: [
      { name: 'llm-args.yaml', text: llmArgs },
      { name: 'auto-deploy.yaml', text: autoDeploy },
    ],
    cannotExpress: [
      ...lost,
      ...(strategy === 'SYMM_MEM'
        ? [
            'The plan runs its all-reduces by multimem; the LLM arguments have no strategy for it, AutoDeploy has SYMM_MEM.',
          ]
        : []),
      ...(plan.decisions.length > 0
        ? [
            'The PyTorch backend fuses in its model code; no LLM argument says which chains are fused.',
          ]
        : []),
      ...sentences,
      ...(groups.length > 1
        ? [
            `The plan has groups of ${groups.join(', ')} ranks; the strategy holds for all all-reduces alike.`,
          ]
        : []),
    ],
    validFor: `${SOURCE}; tensor parallel size ${groups.join(', ')}.`,
  };
}
