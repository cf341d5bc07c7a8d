import type { ThresholdTable } from '@arfuse/contract';
import { flagGemsH100Sxm2x } from './flaggems-h100-sxm-2x.ts';
import { flashinfer072 } from './flashinfer-0.7.2.ts';
import { h200Sxm2x } from './h200-sxm-2x.ts';
import { pytorch215 } from './pytorch-2.15.ts';
import { pytorchH200Sxm2x } from './pytorch-h200-sxm-2x.ts';
import { sglang0523 } from './sglang-0.5.23.ts';
import { tensorrtLlm } from './tensorrt-llm.ts';
import { vllm033 } from './vllm-0.33.ts';
import { vllmAllReduceH100 } from './vllm-all-reduce-h100.ts';
import { vllmPlain033 } from './vllm-plain-0.33.ts';

/** The tables that come with arfuse, in order of precedence. */
export const BUILT_IN_TABLES: readonly ThresholdTable[] = [
  h200Sxm2x,
  pytorchH200Sxm2x,
  flagGemsH100Sxm2x,
  vllmAllReduceH100,
  vllm033,
  tensorrtLlm,
  flashinfer072,
  sglang0523,
  vllmPlain033,
  pytorch215,
];

export {
  flagGemsH100Sxm2x,
  flashinfer072,
  h200Sxm2x,
  pytorch215,
  pytorchH200Sxm2x,
  sglang0523,
  tensorrtLlm,
  vllm033,
  vllmAllReduceH100,
  vllmPlain033,
};
