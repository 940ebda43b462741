import { createBrowserRouter, redirect, type LoaderFunctionArgs, type RouteObject } from 'react-router';
import { apiOver, data } from '@prefect-platform/components';
import { Home } from './pages/home/Home';
import { Fault } from './pages/Fault';
import { NotFound } from './pages/NotFound';
import { SignIn } from './pages/SignIn';
import { queryClient } from './queries/client';
import { basePath, readSession, transport } from './session';
import { lastProject } from './shell/project';
import { Shell } from './shell/Shell';

/** Who is signed in, or the way to the sign-in page and back to where one was. */
async function signedIn({ request }: LoaderFunctionArgs) {
  const session = await readSession();
  if (session !== null) return session;
  const url = new URL(request.url);
  const here = url.pathname.slice(basePath === '/' ? 0 : basePath.length) + url.search;
  throw redirect(`/sign-in?next=${encodeURIComponent(here)}`);
}

async function firstProject() {
  const session = await readSession();
  if (session === null) throw redirect('/sign-in');
  const api = apiOver(transport);
  const page = await data(api.GET('/api/v1/projects', { params: { query: { limit: 200 } } }));
  const names = page.items.map((one) => one.name);
  const wanted = session.project ?? lastProject();
  const project =
    wanted !== null && names.includes(wanted) ? wanted : (names.find((n) => n === 'default') ?? names[0]);
  throw redirect(`/p/${project ?? 'default'}`);
}

/** Addresses without a project, which links from elsewhere have. */
async function runById({ params }: LoaderFunctionArgs) {
  const id = params.id ?? '';
  const run = await data(
    apiOver(transport).GET('/api/v1/runs/{run_id}', { params: { path: { run_id: id } } }),
  );
  queryClient.setQueryData(['runs', 'one', id], run);
  throw redirect(`/p/${run.project}/runs/${id}`);
}

async function flowById({ params }: LoaderFunctionArgs) {
  const id = params.id ?? '';
  const flow = await data(
    apiOver(transport).GET('/api/v1/flows/{flow_id}', { params: { path: { flow_id: id } } }),
  );
  throw redirect(`/p/${flow.project}/flows/${id}`);
}

/** What stands where a loader leads on. */
const Nothing = () => null;

const pages: RouteObject[] = [
  { index: true, Component: Home },
  { path: 'runs', lazy: async () => ({ Component: (await import('./pages/Runs')).Runs }) },
  { path: 'runs/:id', lazy: async () => ({ Component: (await import('./pages/run/Run')).Run }) },
  { path: 'flows', lazy: async () => ({ Component: (await import('./pages/flow/Flows')).Flows }) },
  { path: 'flows/:id', lazy: async () => ({ Component: (await import('./pages/flow/Flow')).Flow }) },
  {
    path: 'resources',
    lazy: async () => ({ Component: (await import('./pages/resources/Resources')).Resources }),
  },
  {
    path: 'resources/new/:kind',
    lazy: async () => ({ Component: (await import('./pages/resources/New')).New }),
  },
  {
    path: 'resources/new-from-recipe',
    lazy: async () => ({ Component: (await import('./pages/resources/NewFromRecipe')).NewFromRecipe }),
  },
  {
    path: 'resources/:kind/:name/edit',
    lazy: async () => ({ Component: (await import('./pages/resources/Edit')).Edit }),
  },
  {
    path: 'resources/:kind/:name',
    lazy: async () => ({ Component: (await import('./pages/resources/Resource')).Resource }),
  },
  {
    path: 'jupyter',
    lazy: async () => ({ Component: (await import('./pages/resources/JupyterServers')).JupyterServers }),
  },
  { path: 'agents', lazy: async () => ({ Component: (await import('./pages/resources/Agents')).Agents }) },
  {
    path: 'clusters',
    lazy: async () => ({ Component: (await import('./pages/clusters/Clusters')).Clusters }),
  },
  {
    path: 'clusters/:id',
    lazy: async () => ({ Component: (await import('./pages/clusters/Cluster')).Cluster }),
  },
  { path: 'secrets', lazy: async () => ({ Component: (await import('./pages/Secrets')).Secrets }) },
  { path: 'sizes', lazy: async () => ({ Component: (await import('./pages/Sizes')).Sizes }) },
  { path: 'usage', lazy: async () => ({ Component: (await import('./pages/Usage')).Usage }) },
  { path: 'tokens', lazy: async () => ({ Component: (await import('./pages/Tokens')).Tokens }) },
  { path: '*', Component: NotFound },
];

export const router = createBrowserRouter(
  [
    { path: '/', loader: firstProject, Component: Nothing, ErrorBoundary: Fault, HydrateFallback: Nothing },
    { path: '/sign-in', Component: SignIn, ErrorBoundary: Fault },
    {
      path: '/runs/:id',
      loader: runById,
      Component: Nothing,
      ErrorBoundary: Fault,
      HydrateFallback: Nothing,
    },
    {
      path: '/flows/:id',
      loader: flowById,
      Component: Nothing,
      ErrorBoundary: Fault,
      HydrateFallback: Nothing,
    },
    {
      path: '/p/:project',
      id: 'project',
      loader: signedIn,
      // Signed in once is signed in until a call says otherwise; moving about does not ask again.
      shouldRevalidate: () => false,
      Component: Shell,
      ErrorBoundary: Fault,
      HydrateFallback: Nothing,
      children: pages,
    },
    { path: '*', Component: NotFound, ErrorBoundary: Fault },
  ],
  { basename: basePath },
);
