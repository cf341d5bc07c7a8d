import assert from 'node:assert/strict';
import { checkConformance, formatReport } from '@arfuse/conformance';
import { acme } from './dist/index.js';

const report = checkConformance(acme());
console.log(formatReport(report));
assert.equal(report.passed, true);
