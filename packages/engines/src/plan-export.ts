/** Engines and forms that a plan can be exported to. */
export type ExportTarget = 'vllm' | 'sglang' | 'tensorrt-llm' | 'json';

/** A file that an export consists of, to be written where the user says. */
export interface ExportedFile {
  /** Name without a folder, e.g. `auto-deploy.yaml`. */
  readonly name: string;
  readonly text: string;
}

/** What every export of a plan has. */
export interface PlanExport {
  readonly target: ExportTarget;
  /** The whole export as text: flags and variables, or the document itself. */
  readonly text: string;
  /** The same as files, for engines that read files. */
  readonly files?: readonly ExportedFile[];
  /** Sentences: what the plan says and the target cannot be told. Empty when nothing is lost. */
  readonly cannotExpress: readonly string[];
  /** One sentence: versions and launch for which the export means what the plan says. */
  readonly validFor: string;
}
