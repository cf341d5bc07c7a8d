export { checkTarget } from './check-target.ts';
export { formatTarget } from './format-target.ts';
export { groupOf } from './groups.ts';
export { parseTarget } from './parse-target.ts';
export { skuOfName } from './sku-of-name.ts';
export { SKUS, type Sku } from './skus.ts';
