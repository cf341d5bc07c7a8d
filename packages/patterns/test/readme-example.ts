import { GraphBuilder, sym, valueArg as value } from '@arfuse/graph';
import { findSites } from '@arfuse/patterns';

const rows = { kind: 'tensor', dtype: 'bf16', shape: [sym('tokens'), 4096] } as const;
const results = { kind: 'one', type: rows } as const;
const b = new GraphBuilder({ format: 'example', level: 'vllm' });
const [x, w] = [b.input('x', rows), b.input('w', { ...rows, shape: [4096] })];
const a = b.node({ name: 'a', op: 'vllm.all_reduce.default', args: [value(x)], results });
const args = [value(b.result(a)), value(w), { kind: 'float', value: 1e-5 }] as const;
const y = b.node({ name: 'y', op: 'vllm_ir.rms_norm.default', args, results });
b.output([value(b.result(y))]);
console.log(findSites(b.finish()).sites[0]?.pattern); // ar_rms
