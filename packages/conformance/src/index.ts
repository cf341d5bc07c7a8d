export * from './check.ts';
export * from './execution/index.ts';
export * from './report.ts';
export { requestGrid } from './requests.ts';
