import { useQuery } from '@tanstack/react-query';
import { data, useApi, type Api } from '../api/client';
import type { EvidenceOf, Kind, Resource, Schemas } from './model';
import { daskSchema, specSchema, type Schema } from './schema';

const LONG = 300_000;

/** The schema of a kind's spec, as the platform checks it. */
export function useSpecSchema(kind: Kind) {
  const api = useApi();
  return useQuery({ queryKey: ['spec-schema', kind], queryFn: () => schemaOf(api, kind), staleTime: LONG });
}

async function schemaOf(api: Api, kind: Kind): Promise<Schema> {
  if (kind !== 'dask-cluster') return specSchema(await recipeSchema(api), kind);
  const path = '/api/v1/openapi.json' as '/api/v1/recipe-schema'; // it does not describe itself
  return daskSchema(await data(api.GET(path)));
}

const recipeSchema = (api: Api) => data(api.GET('/api/v1/recipe-schema')) as Promise<Schema>;

/** The schema of recipes of all kinds. */
export function useRecipeSchema() {
  const api = useApi();
  return useQuery({ queryKey: ['recipe-schema'], queryFn: () => recipeSchema(api), staleTime: LONG });
}

/**
 * What one that is there needed in all its starts, or, of a new one, what those of each size needed here. It is a
 * help: where it cannot be had, nothing is said.
 */
export function useEvidence(project: string, kind: Kind, resource?: Resource): EvidenceOf {
  const api = useApi();
  const { data: found = [] } = useQuery({
    queryKey: ['size-evidence', project, kind, resource?.id],
    enabled: kind === 'jupyter-server',
    staleTime: LONG,
    queryFn: () =>
      data(
        api.GET('/api/v1/projects/{project}/sizes/evidence', {
          params: { path: { project }, query: { kind: 'jupyter-server', resource: resource?.id } },
        }),
      ),
  });
  return (size) => {
    const told = resource === undefined ? found.filter((one) => one.size === size) : found;
    if (told.length === 0) return undefined;
    return {
      peak_memory_bytes: Math.max(...told.map((one) => one.peak_memory_bytes)),
      starts: told.reduce((sum, one) => sum + one.starts, 0),
      own: resource !== undefined,
    };
  };
}

export function useSizes() {
  const api = useApi();
  return useQuery({ queryKey: ['sizes'], queryFn: () => data(api.GET('/api/v1/sizes')), staleTime: LONG });
}

/** All of them: a project has tens, and the picker shows names alone. */
export function useSecrets(project: string) {
  const api = useApi();
  return useQuery({ queryKey: ['secrets', project, 'names'], queryFn: () => allSecrets(api, project) });
}

async function allSecrets(api: Api, project: string): Promise<Schemas['Secret'][]> {
  const found: Schemas['Secret'][] = [];
  let cursor: string | null | undefined;
  do {
    const page = await data(
      api.GET('/api/v1/projects/{project}/secrets', {
        params: { path: { project }, query: { limit: 200, ...(cursor ? { cursor } : {}) } },
      }),
    );
    found.push(...page.items);
    cursor = page.cursor;
  } while (cursor);
  return found;
}

/** Flows whose latest version tells with what a cluster can work. */
export function useFlows(project: string, wanted: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ['flows', project, 'names'],
    enabled: wanted,
    queryFn: () =>
      data(
        api.GET('/api/v1/projects/{project}/flows', { params: { path: { project }, query: { limit: 200 } } }),
      ),
  });
}

/** Interpreter and environment of a flow's latest version. */
export async function pythonOf(api: Api, project: string, flowId: string) {
  const versions = await data(
    api.GET('/api/v1/flows/{flow_id}/versions', {
      params: { path: { flow_id: flowId }, query: { limit: 1 } },
    }),
  );
  const settings = versions.items[0]?.settings;
  if (settings === undefined) throw new Error('This flow has no version yet: register it again.');
  const environment = settings.environment
    ? await data(
        api.GET('/api/v1/projects/{project}/environments/{fingerprint}', {
          params: { path: { project, fingerprint: settings.environment } },
        }),
      )
    : null;
  return { python: settings.python, environment: environment?.spec ?? null };
}
