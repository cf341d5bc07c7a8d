/** How an exchange goes: `Shot` of native/cpp/launch/exchange_geometry.hpp. */
export type Shot = 'one' | 'two';

/** One exchange, as the hosts of all ranks launch it. */
export interface Exchange {
  readonly shot: Shot;
  /** Size of the grid. */
  readonly blocks: number;
}

/**
 * What a block does, in the order and by the names of native/cpp/exchange. `source.test.ts` holds these lists to the code;
 * the model does what they say.
 */
export const KERNELS: Readonly<Record<Shot, readonly string[]>> = {
  one: ['poisoned', 'copy_to_each', 'meet(0)', 'sum_to_each', 'end'],
  two: ['poisoned', 'copy_to_each', 'meet(0)', 'sum_to_each', 'meet(1)', 'copy_to_each', 'end'],
};

/** `meet`: a barrier, so that the release covers the whole block's stores; flags; and a barrier in front of all loads. */
export const MEET: readonly string[] = [
  '__syncthreads',
  'store_release',
  'wait',
  '__syncthreads_and',
];

/** `wait`: the flag first, and the abort word only where the flag has not come. */
export const WAIT: readonly string[] = [
  'load_acquire(flag) < epoch_',
  'load_host(params_.abort) != 0',
];

/** `end`: the last block alone ends the exchange. */
export const END: readonly string[] = [
  '__syncthreads',
  'control.aborted = 1',
  'count_arrival',
  'control.arrivals = 0',
  'control.epoch = epoch_',
];

/** `buffer` and the constructor: two buffers that alternate, by the number after that of the last exchange. */
export const EPOCH = 'head_->control.epoch + 1';
export const BUFFER = 'epoch_ & 1';

/** Waits of a block at most: `kExchangePhases`. */
export const PHASES = 2;
/** Buffers of a workspace. */
export const BUFFERS = 2;

/** A way in which the protocol could be wrong; the search must find what comes of each. */
export type Fault =
  | 'one buffer'
  | 'flag before the stores'
  | 'flag without release'
  | 'loads before the acquire'
  | 'block 0 waits for all'
  | 'waits for one peer'
  | 'flag of this exchange only'
  | 'flag holds the parity'
  | 'phases share a flag'
  | 'no second meeting'
  | 'arrivals not reset'
  | 'first block ends the exchange'
  | 'no look at the abort word'
  | 'abort leaves no trace'
  | 'no look at the trace'
  | 'poisoned blocks raise flags'
  | 'flags kept at reset'
  | 'number kept at reset';
