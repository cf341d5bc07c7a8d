import { AT, BLOCK, type Model, RANK, Violation } from './model.ts';
import { KERNELS } from './program.ts';

/** Something that can happen, as a number for speed: which, at which rank, block and peer, and a choice. */
export type Action = number;

const NAMES = [
  'launches',
  'starts',
  'store becomes visible at rank',
  'sees its flags',
  'goes on',
  'leaves',
  'is told to abort',
  'all reset',
] as const;
const LAUNCH = 0;
const START = 1;
const VISIBLE = 2;
const SEE = 3;
const GO_ON = 4;
const LEAVE = 5;
const ABORT = 6;
const RESET = 7;

function action(what: number, rank = 0, block = 0, peer = 0, choice = 0): Action {
  return (((what * 8 + rank) * 8 + block) * 8 + peer) * 16 + choice;
}

/** An action in words. */
export function actionText(given: Action): string {
  const [choice, peer, block, rank] = [given, given >> 4, given >> 7, given >> 10];
  const what = given >> 13;
  const who = what === RESET ? '' : `rank ${rank % 8}`;
  const of = what === LAUNCH || what >= ABORT ? '' : `.${block % 8}`;
  return `${who}${of} ${NAMES[what]}${what === VISIBLE ? ` ${peer % 8}` : ''}${choice % 16 ? ` (${choice % 16})` : ''}`;
}

/** Everything that can happen in a state; each gives the next state. @throws Violation */
export function eachAction(
  model: Model,
  state: Uint8Array,
  visit: (action: Action, next: Uint8Array) => void,
): void {
  const { setting, ranks } = model;
  let any = false;
  let running = false;
  const give = (of: Action, act: (next: Uint8Array) => void): void => {
    any = true;
    const next = state.slice();
    act(next);
    if (setting.eager) settle(model, next);
    visit(of, next);
  };
  for (let rank = 0; rank < ranks; rank += 1) {
    const runs = state[model.rank(rank, RANK.running)] === 1;
    if (!runs) {
      eachLaunch(model, state, rank, give);
      continue;
    }
    running = true;
    const before: boolean = any;
    any = false;
    for (let block = 0; block < model.blocks; block += 1) eachStep(model, state, rank, block, give);
    const told = state[model.rank(rank, RANK.abort)] === 1;
    if (told && !any) throw new Violation(`no progress: rank ${rank} does not end after an abort`);
    any ||= before;
    if (setting.afterAbort !== undefined && !told)
      give(action(ABORT, rank), (next) => {
        next[model.rank(rank, RANK.abort)] = 1;
      });
  }
  for (let from = 0; from < ranks; from += 1)
    for (let block = 0; block < model.blocks; block += 1)
      for (let to = 0; to < ranks; to += 1)
        if (to !== from) eachVisible(model, state, from, block, to, give);
  if (!running) eachReset(model, state, give);
  if (!any && running) throw new Violation('no progress: every block waits for another');
}

type Give = (of: Action, act: (next: Uint8Array) => void) => void;

/** A host launches its next exchange, once the last has ended as a whole. */
function eachLaunch(model: Model, state: Uint8Array, rank: number, give: Give): void {
  const call = state[model.rank(rank, RANK.call)]! + 1;
  if (call > model.limit(state)) return;
  const chosen = state[model.choice(call)]!;
  const { choices } = model.setting;
  for (let choice = chosen || 1; choice <= (chosen || choices.length); choice += 1)
    give(action(LAUNCH, rank, 0, 0, choice), (next) => {
      next[model.choice(call)] = choice;
      next[model.rank(rank, RANK.call)] = call;
      next[model.rank(rank, RANK.running)] = 1;
      next[model.rank(rank, RANK.aborted)]! |= next[model.rank(rank, RANK.abortedNow)]!;
      next[model.rank(rank, RANK.abortedNow)] = 0;
      for (let block = 0; block < choices[choice - 1]!.blocks; block += 1)
        next[model.block(rank, block, BLOCK.at)] = AT.late;
    });
}

/** What a block of a running launch can do. */
function eachStep(model: Model, state: Uint8Array, rank: number, block: number, give: Give): void {
  const at = state[model.block(rank, block, BLOCK.at)]!;
  if (at === AT.late) {
    if (!mayStart(model, state, rank, block)) return;
    const before = state[model.rank(rank, RANK.aborted)] === 1;
    const now = state[model.rank(rank, RANK.abortedNow)] === 1;
    for (const sees of before ? [true] : now ? [true, false] : [false])
      give(action(START, rank, block, 0, sees ? 1 : 0), (next) =>
        start(model, next, rank, block, sees),
      );
    return;
  }
  if (at !== AT.waits && at !== AT.waits + 2) {
    if (at === AT.loads || at === AT.loads + 2)
      give(action(GO_ON, rank, block), (next) => goOn(model, next, rank, block));
    return;
  }
  if (seesFlags(model, state, rank, block))
    give(action(SEE, rank, block), (next) => see(model, next, rank, block));
  // A block that looked at its flags too early looks at the abort word next.
  if (
    state[model.rank(rank, RANK.abort)] === 1 &&
    model.setting.fault !== 'no look at the abort word'
  )
    give(action(LEAVE, rank, block), (next) => end(model, next, rank, block, true));
}

/** Blocks start in order, and no more at once than fit. */
function mayStart(model: Model, state: Uint8Array, rank: number, block: number): boolean {
  let resident = 0;
  for (let other = 0; other < model.blocks; other += 1) {
    const at = state[model.block(rank, other, BLOCK.at)]!;
    if (at === AT.late && other < block && model.setting.resident < model.blocks) return false;
    if (at > AT.late && at < AT.ended) resident += 1;
  }
  return resident < model.setting.resident;
}

/** The constructor and `poisoned`; then the stores and flags of the first phase. */
function start(model: Model, next: Uint8Array, rank: number, block: number, sees: boolean): void {
  const { fault } = model.setting;
  next[model.block(rank, block, BLOCK.epoch)] = next[model.rank(rank, RANK.epoch)]! + 1;
  if (sees && fault !== 'no look at the trace') {
    if (fault === 'poisoned blocks raise flags') raise(model, next, rank, block, 0, false);
    end(model, next, rank, block, true);
    return;
  }
  raise(model, next, rank, block, 0, true);
  next[model.block(rank, block, BLOCK.at)] = AT.waits;
  if (fault === 'loads before the acquire') checkLoads(model, next, rank, block, 0);
}

/** Stores and flags of a phase, to be visible at any time from here on. A flag is released behind the stores before it. */
function raise(
  model: Model,
  next: Uint8Array,
  rank: number,
  block: number,
  phase: number,
  stores: boolean,
): void {
  const call = next[model.rank(rank, RANK.call)]!;
  const chosen = model.chosen(next, call);
  const some = stores && model.stored(chosen, block, rank, phase).length > 0;
  const flagFirst = model.setting.fault === 'flag before the stores';
  for (let to = 0; to < model.ranks; to += 1) {
    if (to === rank) continue;
    if (some && !flagFirst) push(model, next, rank, block, to, storeCode(call, phase, false));
    push(model, next, rank, block, to, storeCode(call, phase, true));
    if (some && flagFirst) push(model, next, rank, block, to, storeCode(call, phase, false));
  }
  next[model.block(rank, block, BLOCK.raised + phase)] = call;
}

function storeCode(call: number, phase: number, flag: boolean): number {
  return call * 4 + phase * 2 + (flag ? 1 : 0);
}

function push(
  model: Model,
  next: Uint8Array,
  from: number,
  block: number,
  to: number,
  code: number,
): void {
  const base = model.queue(from, block, to);
  let at = 0;
  while (at < model.queueLength && next[base + 2 * at] !== 0) at += 1;
  if (at === model.queueLength) throw new Error('the model keeps too few stores under way');
  next[base + 2 * at] = code;
  next[base + 2 * at + 1] = next[model.block(from, block, BLOCK.epoch)]!;
}

/** Stores of a block to a peer that may become visible now. */
function eachVisible(
  model: Model,
  state: Uint8Array,
  from: number,
  block: number,
  to: number,
  give: Give,
): void {
  const base = model.queue(from, block, to);
  for (let at = 0; at < model.queueLength && state[base + 2 * at] !== 0; at += 1)
    if (mayShow(model, state, base, at))
      give(action(VISIBLE, from, block, to, at), (next) => show(model, next, from, block, to, at));
}

/** Release: a flag comes behind all stores before it. Stores of one buffer keep their order, as those to one address do. */
function mayShow(model: Model, state: Uint8Array, base: number, at: number): boolean {
  const flag = state[base + 2 * at]! % 2 === 1;
  if (flag && model.setting.fault !== 'flag without release') return at === 0;
  for (let before = 0; before < at; before += 1) {
    const [code, epoch] = [state[base + 2 * before]!, state[base + 2 * before + 1]!];
    if ((code % 2 === 1) !== flag) continue;
    if (flag || epoch % 2 === state[base + 2 * at + 1]! % 2) return false;
  }
  return true;
}

function show(
  model: Model,
  next: Uint8Array,
  from: number,
  block: number,
  to: number,
  at: number,
): void {
  const base = model.queue(from, block, to);
  const [code, epoch] = [next[base + 2 * at]!, next[base + 2 * at + 1]!];
  for (let i = at; i < model.queueLength; i += 1) {
    const last = i === model.queueLength - 1;
    next[base + 2 * i] = last ? 0 : next[base + 2 * i + 2]!;
    next[base + 2 * i + 1] = last ? 0 : next[base + 2 * i + 3]!;
  }
  const call = code >> 2;
  const phase = (code >> 1) % 2;
  if (code % 2 === 1) {
    const value = model.setting.fault === 'flag holds the parity' ? epoch % 2 : epoch;
    next[model.flag(to, phase, block, from)] = value;
    return;
  }
  const buffer = model.buffer(to, epoch);
  for (const cell of model.stored(model.chosen(next, call), block, from, phase))
    next[buffer + cell] = call;
  for (let reader = 0; reader < model.blocks; reader += 1) {
    const where = next[model.block(to, reader, BLOCK.at)]!;
    if (where === AT.loads || where === AT.loads + 2)
      checkLoads(model, next, to, reader, (where - AT.loads) / 2);
  }
}

/** `wait` of every thread of the block. */
function seesFlags(model: Model, state: Uint8Array, rank: number, block: number): boolean {
  const { fault } = model.setting;
  const phase = (state[model.block(rank, block, BLOCK.at)]! - AT.waits) / 2;
  if (phase === 1 && fault === 'no second meeting') return true;
  const epoch = state[model.block(rank, block, BLOCK.epoch)]!;
  for (let peer = 0; peer < model.ranks; peer += 1) {
    if (peer === rank) continue;
    if (fault === 'waits for one peer' && peer !== (rank + 1) % model.ranks) continue;
    const of = fault === 'block 0 waits for all' ? 0 : block;
    const flag = state[model.flag(rank, phase, of, peer)]!;
    if (fault === 'flag holds the parity' ? flag !== epoch % 2 : flag < epoch) return false;
    if (fault === 'flag of this exchange only' && flag !== epoch) return false;
  }
  return true;
}

/** The block has met its peers: each of them must have raised this flag, and from here on it loads. */
function see(model: Model, next: Uint8Array, rank: number, block: number): void {
  const phase = (next[model.block(rank, block, BLOCK.at)]! - AT.waits) / 2;
  const call = next[model.rank(rank, RANK.call)]!;
  next[model.block(rank, block, BLOCK.at)] = AT.loads + 2 * phase;
  for (let peer = 0; peer < model.ranks; peer += 1)
    if (peer !== rank && next[model.block(peer, block, BLOCK.raised + phase)]! < call)
      throw new Violation(
        `early pass: rank ${rank}.${block} passes phase ${phase} of call ${call} before rank ${peer} has raised its flag`,
      );
  checkLoads(model, next, rank, block, phase);
}

/** From its meeting until it goes on, a block loads; whatever it loads at any time between must be of this call. */
function checkLoads(
  model: Model,
  next: Uint8Array,
  rank: number,
  block: number,
  phase: number,
): void {
  const call = next[model.rank(rank, RANK.call)]!;
  const chosen = model.chosen(next, call);
  const buffer = model.buffer(rank, next[model.block(rank, block, BLOCK.epoch)]!);
  for (let from = 0; from < model.ranks; from += 1) {
    if (from === rank) continue;
    for (const cell of model.stored(chosen, block, from, phase)) {
      const found = next[buffer + cell]!;
      if (found === call) continue;
      const what = found < call ? 'stale read' : 'overwritten while it is read';
      throw new Violation(
        `${what}: rank ${rank}.${block} loads of rank ${from} in phase ${phase} of call ${call} what call ${found} left`,
      );
    }
  }
}

/** Behind the loads: the sums of a two-shot exchange go to the peers, or the block ends. */
function goOn(model: Model, next: Uint8Array, rank: number, block: number): void {
  const phase = (next[model.block(rank, block, BLOCK.at)]! - AT.loads) / 2;
  const { shot } = model.exchange(next, next[model.rank(rank, RANK.call)]!);
  if (!KERNELS[shot].includes(`meet(${phase + 1})`)) {
    end(model, next, rank, block, false);
    return;
  }
  raise(model, next, rank, block, phase + 1, true);
  next[model.block(rank, block, BLOCK.at)] = AT.waits + 2 * (phase + 1);
}

/** `end`. */
function end(model: Model, next: Uint8Array, rank: number, block: number, aborted: boolean): void {
  const { fault } = model.setting;
  const { blocks } = model.exchange(next, next[model.rank(rank, RANK.call)]!);
  next[model.block(rank, block, BLOCK.at)] = aborted ? AT.left : AT.ended;
  if (aborted && fault !== 'abort leaves no trace') next[model.rank(rank, RANK.abortedNow)] = 1;
  const arrivals = model.rank(rank, RANK.arrivals);
  next[arrivals]! += 1;
  const last = fault === 'first block ends the exchange' ? 1 : blocks;
  if (next[arrivals] === last) {
    if (fault !== 'arrivals not reset') next[arrivals] = 0;
    next[model.rank(rank, RANK.epoch)] = next[model.block(rank, block, BLOCK.epoch)]!;
  }
  let left = false;
  for (let other = 0; other < blocks; other += 1) {
    const at = next[model.block(rank, other, BLOCK.at)]!;
    if (at < AT.ended) return;
    left ||= at === AT.left;
  }
  // The launch has ended.
  if (fault === 'first block ends the exchange') next[arrivals] = 0;
  next[model.rank(rank, RANK.running)] = 0;
  for (let other = 0; other < blocks; other += 1) {
    next[model.block(rank, other, BLOCK.at)] = AT.idle;
    next[model.block(rank, other, BLOCK.epoch)] = 0;
  }
  const trace = next[model.rank(rank, RANK.aborted)]! | next[model.rank(rank, RANK.abortedNow)]!;
  if (left && trace === 0)
    throw new Violation(`wrong as right: rank ${rank} ends an aborted exchange like any other`);
}

/** All hosts together, when all ranks are idle: heads are zeroed, and calls go on with one number. */
function eachReset(model: Model, state: Uint8Array, give: Give): void {
  if (state[model.wasReset] !== 0) return;
  const { ranks, setting } = model;
  if (!model.peers.some((rank) => state[model.rank(rank, RANK.abort)] === 1)) return;
  const [first, end] = model.queues;
  for (let at = first; at < end; at += 1) if (state[at] !== 0) return;
  give(action(RESET), (next) => {
    next[model.wasReset] = 1;
    for (let call = 1; call <= setting.calls; call += 1) next[model.choice(call)] = 0;
    if (setting.fault !== 'flags kept at reset') next.fill(0, ...model.flags);
    for (let rank = 0; rank < ranks; rank += 1) {
      const epoch = next[model.rank(rank, RANK.epoch)]!;
      next.fill(0, model.rank(rank, 0), model.rank(rank, RANK.abort) + 1);
      next[model.rank(rank, RANK.call)] = setting.calls;
      if (setting.fault === 'number kept at reset') next[model.rank(rank, RANK.epoch)] = epoch;
    }
  });
}

/** Does at once what only helps others; see `Setting.eager`. */
function settle(model: Model, next: Uint8Array): void {
  for (let from = 0; from < model.ranks; from += 1)
    for (let block = 0; block < model.blocks; block += 1)
      for (let to = 0; to < model.ranks; to += 1)
        while (to !== from && next[model.queue(from, block, to)] !== 0)
          show(model, next, from, block, to, 0);
  for (let rank = 0; rank < model.ranks; rank += 1)
    for (let block = 0; block < model.blocks; block += 1) {
      const at = next[model.block(rank, block, BLOCK.at)]!;
      if ((at === AT.waits || at === AT.waits + 2) && seesFlags(model, next, rank, block))
        see(model, next, rank, block);
    }
}
