import { useLocation, useResolvedPath } from 'react-router';

const PAGES: Record<string, string> = {
  'jupyter-server': 'jupyter',
  'prefect-agent': 'agents',
  'dask-cluster': 'clusters',
};

/** The address of the page that `path` belongs to: a form or a resource to the page of its kind. */
export function placeOf(path: string): string {
  const [, project, kind = ''] = /^(\/p\/[^/]+)\/resources\/(?:new\/)?([^/]+)/.exec(path) ?? [];
  const page = PAGES[kind];
  return project === undefined || page === undefined ? path : `${project}/${page}`;
}

/** Whether one is on the page at `to`, or below it unless only the page itself counts. */
export function useIsHere(to: string, end = false): boolean {
  const target = useResolvedPath(to).pathname.replace(/\/$/, '');
  const place = placeOf(useLocation().pathname.replace(/\/$/, ''));
  return place === target || (!end && place.startsWith(`${target}/`));
}
