import type { wire } from '@prefect-platform/components';
import { expect, test } from 'vitest';
import { selected } from './Resources';

const one = (name: string, kind: string, status: string, owner: string) =>
  ({ name, kind, owner, updated_at: name, state: { status } }) as unknown as wire.Resource;

const ALL = [
  one('lab', 'jupyter-server', 'running', 'ana'),
  one('local', 'prefect-agent', 'running', 'ben'),
  one('old', 'jupyter-server', 'stopped', 'ana'),
];
const names = (query: string) => selected(ALL, new URLSearchParams(query)).map((found) => found.name);

test.each([
  ['', ['lab', 'local', 'old']],
  ['sort=-name', ['old', 'local', 'lab']],
  ['kind=jupyter-server&status=running', ['lab']],
  ['owner=ben', ['local']],
  ['q=L', ['lab', 'local', 'old']],
  ['q=lo', ['local']],
  ['sort=nonsense', ['lab', 'local', 'old']],
])('%j leaves %j', (query, left) => {
  expect(names(query)).toEqual(left);
});
