import type { StepParameters } from './kernel.ts';
import type { StageKind } from './stage.ts';

/** One kernel launch of a segment, and the stages of the site that it performs. */
export interface PlanStep {
  /** `npm-name/kernel`. */
  readonly kernel: string;
  readonly params: StepParameters;
  readonly covers: readonly StageKind[];
}
