import { expect, it } from 'vitest';
import { exportJson } from '../src/index.ts';
import { planOf, segment } from './support.ts';

it('is the plan: canonical, with a newline, and nothing lost', () => {
  const plan = planOf({ segments: { c0: [segment(1, 8192, 'one')] } });
  const found = exportJson(plan);
  expect(found.text.endsWith('}\n')).toBe(true);
  expect(JSON.parse(found.text)).toEqual(plan);
  expect(found).toMatchObject({ target: 'json', config: plan, cannotExpress: [] });
  expect(found.files).toEqual([{ name: 'plan.json', text: found.text }]);
  // Keys are sorted, whatever their order in the plan.
  const { hash, ...rest } = plan;
  expect(exportJson({ hash, ...rest }).text).toBe(found.text);
  expect(Object.keys(JSON.parse(found.text))).toEqual(Object.keys(plan).sort());
});
