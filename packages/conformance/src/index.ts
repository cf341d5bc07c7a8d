export * from './check.ts';
export * from './report.ts';
export { requestGrid } from './requests.ts';
