import { type IoDType, UsageError } from '@arfuse/contract';

/** Activations of one dtype and width over one group. */
export interface Shape {
  readonly name: string;
  readonly dtype: IoDType;
  readonly size: number;
  readonly hidden: number;
}

/** Which shapes are asked for. */
export interface ShapesAsked {
  /** Group sizes. Default 2 and 4. */
  readonly sizes?: readonly number[];
  /** Default 64 and 1,024. */
  readonly hidden?: readonly number[];
  /** Default: all. */
  readonly dtypes?: readonly IoDType[];
  /** Name of the first shape to run; those before it are passed over. */
  readonly from?: string;
}

/** @throws UsageError for a first shape that there is not */
export function shapesOf({ dtypes, sizes, hidden, from }: ShapesAsked): readonly Shape[] {
  const all = (dtypes ?? ['bf16', 'f16', 'f32']).flatMap((dtype) =>
    (sizes ?? [2, 4]).flatMap((size) =>
      (hidden ?? [64, 1024]).map((width) => ({
        name: `${dtype} N=${size} hidden=${width}`,
        dtype,
        size,
        hidden: width,
      })),
    ),
  );
  if (from === undefined) return all;
  const at = all.findIndex(({ name }) => name === from);
  if (at >= 0) return all.slice(at);
  throw new UsageError({
    message: `there is no shape "${from}".`,
    hint: `They are ${all[0]?.name ?? 'none'} … ${all.at(-1)?.name ?? ''}.`,
    details: { from },
  });
}
