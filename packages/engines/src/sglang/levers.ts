import type { EngineLever } from '../engine.ts';
import { CUSTOM_MAX_SIZE_KB, SGLANG, SYMMETRIC } from './facts-0.5.23.ts';
import { askedBackend, flashInferFusion } from './fused.ts';
import type { SglangHost } from './host.ts';

const choice = (
  where: EngineLever['where'],
  name: string,
  sentence: string,
  citation: string,
  values: readonly [today: string, other: string],
): EngineLever => ({ where, name, sentence, citation, values: () => values });

/** The fusion: off where it is on, another backend, or on where the model does not have it by default. */
function fusionLevers(host: SglangHost): EngineLever[] {
  const { settings, group, multicast } = host;
  const fusion = flashInferFusion(host);
  const asked = askedBackend(host);
  const found: EngineLever[] = [];
  if (fusion.works && settings.disableFusion === null && asked.works && !asksByFlag(host))
    found.push(
      choice(
        'config',
        'enforce-disable-flashinfer-allreduce-fusion',
        'Whether all-reduce, add and norm are fused, and plain all-reduces may take FlashInfer.',
        SGLANG.autoEnable,
        ['false', 'true'],
      ),
    );
  const flagFree = settings.backend === null && settings.enableFusion === null;
  if (fusion.works && flagFree && group.nodes === 1 && multicast && fusion.backend !== 'cutedsl')
    found.push(
      choice(
        'config',
        'flashinfer-allreduce-fusion-backend',
        "Which of FlashInfer's kernels fuse and reduce.",
        SGLANG.backend,
        ['auto', fusion.backend === 'mnnvl' ? 'trtllm' : 'mnnvl'],
      ),
    );
  if (!asked.works && flagFree && settings.disableFusion !== true && !host.deterministic)
    found.push(
      choice(
        'config',
        'flashinfer-allreduce-fusion-backend',
        'Whether all-reduce, add and norm are fused.',
        SGLANG.autoEnable,
        ['left out', 'auto'],
      ),
    );
  return found;
}

const asksByFlag = ({ settings }: SglangHost): boolean =>
  settings.backend !== null || settings.enableFusion === true;

/** Settings of SGLang that change what it dispatches here and that the user has not set. */
export function sglangLevers(host: SglangHost): EngineLever[] {
  const { settings, custom, deterministic, group, multicast } = host;
  const found = fusionLevers(host);
  if (settings.disableCustom === null && custom.works)
    found.push(
      choice(
        'config',
        'disable-custom-all-reduce',
        "Whether SGLang's own all-reduce is left out.",
        SGLANG.flags,
        ['false', 'true'],
      ),
    );
  if (custom.works && custom.version === 2 && settings.maxSizeKb === null)
    found.push({
      where: 'env',
      name: 'SGLANG_CUSTOM_ALL_REDUCE_V2_MAX_SIZE_KB',
      sentence:
        'The custom all-reduce takes at most this many KiB of tokens × hidden × itemsize; its workspace grows with it.',
      citation: SGLANG.customClip,
      values: (rowBytes, tokens) => [
        ...new Set([
          String(CUSTOM_MAX_SIZE_KB),
          ...tokens.map((count) => String(Math.ceil((count * rowBytes) / 1024))),
        ]),
      ],
    });
  if (settings.torchSymmetric === null && !deterministic && multicast && group.size in SYMMETRIC)
    found.push(
      choice(
        'config',
        'enable-torch-symm-mem',
        "Whether plain all-reduces that the custom one does not take may take PyTorch's symmetric memory.",
        SGLANG.symmetric,
        ['false', 'true'],
      ),
    );
  if (settings.ncclSymmetric === null)
    found.push(
      choice(
        'config',
        'enable-symm-mem',
        'Whether plain all-reduces that the custom one does not take run in NCCL over symmetric memory.',
        SGLANG.flags,
        ['false', 'true'],
      ),
    );
  return found;
}
