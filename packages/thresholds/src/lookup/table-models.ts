import { canonicalJson, type TableKey, type ThresholdTable } from '@arfuse/contract';
import { MAX_ERROR } from './cost-model.ts';
import { type CostModelReport, costModels } from './create-evidence.ts';

/** The cost model of a kernel list on one kind of box, and whether it is good enough to decide. */
export interface TableModel extends CostModelReport {
  /** Name of the measured table. */
  readonly table: string;
  readonly key: TableKey;
  /** Whether the leave-one-out error is under 25 percent. */
  readonly decides: boolean;
}

/**
 * Every cost model that measured tables give, each table by itself: per GPU, group size, pattern and kernel list, with
 * its leave-one-out error. Kernel lists with fewer than four rows have none.
 */
export function tableModels(tables: readonly ThresholdTable[]): TableModel[] {
  return tables.flatMap((table) => {
    if (table.kind !== 'measured') return [];
    const boxes = new Map<string, { key: TableKey; kernels: Set<string>; itemsize: number }>();
    for (const { key, kernels, itemsize, variant } of table.rows) {
      if (variant !== undefined) continue;
      const id = canonicalJson([key, itemsize]);
      const box = boxes.get(id) ?? { key, kernels: new Set(), itemsize };
      boxes.set(id, box);
      box.kernels.add(canonicalJson(kernels));
    }
    return [...boxes.values()].flatMap(({ key, kernels, itemsize }) =>
      costModels([table], {
        ...key,
        // A key without a box fits every box, so any name serves.
        sku: key.sku ?? '',
        interconnect: key.interconnect ?? 'none',
        multicast: key.multicast ?? false,
        hidden: 1,
        itemsize,
      })
        .filter((model) => kernels.has(canonicalJson(model.kernels)))
        .map((model) => ({ ...model, table: table.name, key, decides: model.error < MAX_ERROR })),
    );
  });
}
