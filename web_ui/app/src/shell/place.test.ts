import { expect, test } from 'vitest';
import { placeOf } from './place';

test.each([
  ['/p/default/resources', '/p/default/resources'],
  ['/p/default/resources/new-from-recipe', '/p/default/resources/new-from-recipe'],
  ['/p/default/resources/new/dask-cluster', '/p/default/clusters'],
  ['/p/default/resources/jupyter-server/lab/edit', '/p/default/jupyter'],
  ['/p/default/resources/prefect-agent/local', '/p/default/agents'],
  ['/p/resources/runs', '/p/resources/runs'],
])('%s belongs to %s', (path, page) => {
  expect(placeOf(path)).toBe(page);
});
