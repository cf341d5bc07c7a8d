import type { Plan, PlanSlice } from '@arfuse/contract';
import { graphFromJson } from '@arfuse/graph';
import type { PairedSite } from '../rewrite/pair-sites.ts';

/** Ids that a note names before it only counts. */
const LISTED = 4;

function listed(singular: string, plural: string, ids: readonly string[]): string {
  const names = ids.length > LISTED ? [ids[0], '…', ids.at(-1)] : ids;
  return `${ids.length} ${ids.length === 1 ? singular : plural} (${names.join(' ')})`;
}

/** Whether the slice of a class reads or leaves a residual that is wider than the class stores it. */
function isCarried({ graph, inputs, outputs }: PlanSlice, dtype: string): boolean {
  const slice = graphFromJson(graph);
  return [inputs.residual, outputs.residual].some((name) => {
    const type = slice.values.find((value) => value.name === name)?.type;
    return name !== undefined && type?.kind === 'tensor' && type.dtype !== dtype;
  });
}

/**
 * Says where the capture hands a residual from site to site in float32, a compiler pass having dropped its rounding. The
 * steps store it in the activation dtype, and so it enters and leaves every comparison: the rounding between two sites is
 * no field of the numerics record, and no comparison measures it.
 * @param paired - the sites of the graph; without them the slices of the classes tell
 */
export function carriedResidualNote(
  plan: Plan,
  paired: readonly PairedSite[] | undefined,
): string[] {
  const where = paired
    ? paired.filter(({ match }) => match.carriedResidual).map(({ site }) => site.id)
    : plan.classes
        .filter(({ id, dtype }) => plan.slices[id] && isCarried(plan.slices[id], dtype))
        .map(({ id }) => id);
  if (where.length === 0) return [];
  const names = paired ? listed('site', 'sites', where) : listed('class', 'classes', where);
  return [
    `The capture carries the residual of ${names} in f32 from site to site: a ` +
      'compiler pass has dropped its rounding to the activation dtype. The steps round it again, by up to half an ULP ' +
      'per site; residuals are compared as the steps store them, so no comparison measures this, and no deviation names it.',
  ];
}
