/** How sure a time or a choice is, strongest first. */
export type EvidenceKind =
  | 'rule'
  | 'measured'
  | 'transferred'
  | 'published'
  | 'estimated'
  | 'static';

/** Why a candidate is believed to take the time it takes, or to be the choice. */
export interface Evidence {
  readonly kind: EvidenceKind;
  /** Table `name@version`, when a table speaks. */
  readonly table?: string;
  /** Expected time in microseconds, when there is one. */
  readonly us?: number;
  /** (p90 − p10) / median, where both were recorded. */
  readonly spread?: number;
  /** One sentence: rows used, citation, or error of the estimate. */
  readonly note: string;
}
