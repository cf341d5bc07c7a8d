/** What SGLang builds for a process group. */
export interface GroupFacts {
  readonly custom: boolean;
  readonly torchSymmetric: boolean;
  readonly mscclpp: boolean;
  /** NCCL over SGLang's own communicator, which NCCL symmetric memory needs. */
  readonly pynccl: boolean;
  readonly pcieIpc: boolean;
  /** Whether FlashInfer has a workspace of the group's own ranks. */
  readonly flashInfer: boolean;
}

const DEFAULT: GroupFacts = {
  custom: true,
  torchSymmetric: true,
  mscclpp: true,
  pynccl: true,
  pcieIpc: false,
  flashInfer: false,
};

const NAMED: Readonly<Record<string, GroupFacts>> = {
  tp: { ...DEFAULT, pcieIpc: true, flashInfer: true },
  attention_tp: { ...DEFAULT, torchSymmetric: false, flashInfer: true },
  moe_ep: { ...DEFAULT, custom: false, pynccl: false, flashInfer: true },
  // A group of its own beside expert parallelism, whose ranks the MoE workspace does not have.
  moe_tp: { ...DEFAULT, custom: false, pynccl: false },
  moe_dp: DEFAULT,
  attn_cp: DEFAULT,
  dcp: DEFAULT,
  pdmux_prefill_tp: DEFAULT,
  shared_experts_tp: { ...DEFAULT, custom: false, torchSymmetric: false },
  pp: { ...DEFAULT, custom: false },
  self_pp: { ...DEFAULT, custom: false },
  world: { ...DEFAULT, custom: false, torchSymmetric: false, mscclpp: false, pynccl: false },
};

/** SGLang's own name of a graph's group: `tp:0` is `tp`, and so is a name that SGLang does not use. */
export function sglangGroup(groupName: string): string {
  const [name = ''] = groupName.split(':');
  return Object.hasOwn(NAMED, name) ? name : 'tp';
}

export const groupFacts = (groupName: string): GroupFacts => NAMED[sglangGroup(groupName)]!;
