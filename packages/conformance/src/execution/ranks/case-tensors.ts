import { findStage } from '@arfuse/contract';
import { type CodesKind, type CodesSpec, STREAMS } from '../cases/codes.ts';
import type { ExecutionCase } from '../cases/expected.ts';
import type { BufferName } from './stand.ts';

/** A tensor of made-up codes that enters a site at one rank. */
export interface CaseTensor {
  readonly name: BufferName;
  readonly spec: CodesSpec;
}

/** Everything that enters a case at a rank, but its scale. */
export function caseTensors(asked: ExecutionCase, rank: number): readonly CaseTensor[] {
  const { site, seed, tokens } = asked;
  const { stages, dtype, hidden } = site;
  const tensor = (name: BufferName, stream: number, kind: CodesKind, rows: number): CaseTensor => ({
    name,
    spec: { dtype, kind, seed, stream, hidden, row: 0, rows },
  });
  const activation = (name: BufferName, stream: number): CaseTensor =>
    tensor(name, stream, asked.kind, tokens);
  const vector = (name: BufferName, stream: number): CaseTensor =>
    tensor(name, stream, 'vector', 1);
  const partials = findStage(stages, 'merge') ? ([0, 1] as const) : ([0] as const);
  return [
    ...partials.map((i) => activation(`partial ${i}`, STREAMS.partial(rank, i))),
    ...(findStage(stages, 'residual') ? [activation('residual', STREAMS.residual)] : []),
    ...(findStage(stages, 'norm') ? [vector('weight', STREAMS.weight)] : []),
    ...(findStage(stages, 'bias') ? [vector('bias', STREAMS.bias)] : []),
    ...(findStage(stages, 'pre_norm') ? [vector('preNormWeight', STREAMS.preNormWeight)] : []),
  ];
}
