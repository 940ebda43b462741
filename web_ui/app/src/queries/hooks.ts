import { data, useApi, type Api, type wire } from '@prefect-platform/components';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useProject } from '../shell/project';

const MOST = 200;

export interface RunFilters {
  flow?: string;
  status?: wire.Status;
  /** Stands in the name of the run or of its flow. */
  text?: string;
  sort?: wire.RunSort;
}

/** Runs of the project, page after page. */
export function useRuns(filters: RunFilters = {}, limit = MOST) {
  const api = useApi();
  const project = useProject();
  return useInfiniteQuery({
    queryKey: ['runs', 'list', project, filters, limit],
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/runs', {
          params: { path: { project }, query: { ...filters, cursor: pageParam, limit } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.cursor,
    placeholderData: keepPreviousData,
  });
}

export function useRun(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/runs/{run_id}', { params: { path: { run_id: id } }, signal })),
    // The steps of a start are told by no stream, and a start script takes as long as it likes.
    refetchInterval: ({ state }) => (state.data?.status === 'starting' ? 10_000 : false),
  });
}

export function useFlows() {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['flows', 'list', project],
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(
          api.GET('/api/v1/projects/{project}/flows', {
            params: { path: { project }, query: { cursor, limit: MOST } },
            signal,
          }),
        ),
      ),
  });
}

export function useFlow(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['flows', 'one', id],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/flows/{flow_id}', { params: { path: { flow_id: id } }, signal })),
  });
}

/** What Prefect starts next. It changes as time goes by, and nobody tells. */
export function useScheduledRuns() {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['runs', 'scheduled', project],
    refetchInterval: 60_000,
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/scheduled-runs', {
          params: { path: { project }, query: { limit: 8 } },
          signal,
        }),
      ),
  });
}

/** Schedules as Prefect has them: people may change them there, so they are asked for again and again. */
export function useSchedules(flow: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['flows', 'schedules', flow],
    refetchInterval: 30_000,
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/flows/{flow_id}/schedules', { params: { path: { flow_id: flow } }, signal })),
  });
}

/** What runs of each deployment take. */
export function useParameters(flow: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['flows', 'parameters', flow],
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/flows/{flow_id}/parameters', { params: { path: { flow_id: flow } }, signal })),
  });
}

/** The task runs of a run, as Prefect has them. */
export function useTaskRuns(run: string, open: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ['task-runs', run],
    // Prefect tells nobody of a task; its server is not to be asked for thousands of them every second.
    refetchInterval: open ? 10_000 : false,
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/runs/{run_id}/task-runs', { params: { path: { run_id: run } }, signal })),
  });
}

/** What a run was started with: that never changes. */
export function useRunParameters(run: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['run-parameters', run],
    staleTime: Infinity,
    meta: { fixed: true },
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/runs/{run_id}/parameters', { params: { path: { run_id: run } }, signal })),
  });
}

/** The environment of a run. `looked` names the attempt and whether it was looked at: only that changes it. */
export function useRunEnvironment(run: string, looked: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['run-environment', run, looked],
    staleTime: Infinity,
    meta: { fixed: true },
    queryFn: ({ signal }) =>
      data(api.GET('/api/v1/runs/{run_id}/environment', { params: { path: { run_id: run } }, signal })),
    placeholderData: (before, query) => (query?.queryKey[1] === run ? before : undefined),
  });
}

export function useVersions(flow: string) {
  const api = useApi();
  return useQuery({
    queryKey: ['flows', 'versions', flow],
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(
          api.GET('/api/v1/flows/{flow_id}/versions', {
            params: { path: { flow_id: flow }, query: { cursor, limit: MOST } },
            signal,
          }),
        ),
      ),
  });
}

export function useVersionSource(version: string | undefined) {
  const api = useApi();
  return useQuery({
    queryKey: ['flows', 'source', version],
    enabled: version !== undefined,
    staleTime: Infinity,
    meta: { fixed: true },
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/flow-versions/{version_id}/source', {
          params: { path: { version_id: version ?? '' } },
          signal,
        }),
      ),
  });
}

/** What an environment was made of; environments never change. */
export function useEnvironment(fingerprint: string | null | undefined) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['environment', project, fingerprint],
    enabled: fingerprint != null,
    staleTime: Infinity,
    meta: { fixed: true },
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/environments/{fingerprint}', {
          params: { path: { project, fingerprint: fingerprint ?? '' } },
          signal,
        }),
      ),
  });
}

export function useResources() {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['resources', 'list', project],
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(
          api.GET('/api/v1/projects/{project}/resources', {
            params: { path: { project }, query: { cursor, limit: MOST } },
            signal,
          }),
        ),
      ),
  });
}

export function useResource(kind: wire.ResourceKind, name: string) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['resources', 'one', project, kind, name],
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/resources/{kind}/{name}', {
          params: { path: { project, kind, name } },
          signal,
        }),
      ),
  });
}

export function useAgents() {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['agents', 'list', project],
    refetchInterval: 15_000, // an agent that falls silent changes nothing that could be told
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(
          api.GET('/api/v1/projects/{project}/agents', {
            params: { path: { project }, query: { cursor, limit: MOST } },
            signal,
          }),
        ),
      ),
  });
}

export function useAgent(name: string) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['agents', 'one', project, name],
    refetchInterval: 10_000,
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/agents/{name}', { params: { path: { project, name } }, signal }),
      ),
  });
}

export function useClusters(ended = false) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['clusters', 'list', project, ended],
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(
          api.GET('/api/v1/projects/{project}/clusters', {
            params: { path: { project }, query: { cursor, limit: MOST, ended } },
            signal,
          }),
        ),
      ),
  });
}

export function useCluster(id: string) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['clusters', 'one', project, id],
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/clusters/{cluster}', {
          params: { path: { project, cluster: id } },
          signal,
        }),
      ),
  });
}

export function useSecrets() {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['secrets', 'list', project],
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(
          api.GET('/api/v1/projects/{project}/secrets', {
            params: { path: { project }, query: { cursor, limit: MOST } },
            signal,
          }),
        ),
      ),
  });
}

export function useSecretUses(name: string) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['secrets', 'uses', project, name],
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/secrets/{name}/uses', {
          params: { path: { project, name }, query: { limit: 100 } },
          signal,
        }),
      ),
  });
}

export function useSizes() {
  const api = useApi();
  return useQuery({
    queryKey: ['sizes'],
    queryFn: ({ signal }) => data(api.GET('/api/v1/sizes', { signal })),
  });
}

export function useCapacity() {
  const api = useApi();
  return useQuery({
    queryKey: ['runs', 'capacity'],
    queryFn: ({ signal }) => data(api.GET('/api/v1/capacity', { signal })),
  });
}

export function useTokens() {
  const api = useApi();
  return useQuery({
    queryKey: ['tokens'],
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(api.GET('/api/v1/tokens', { params: { query: { cursor, limit: MOST } }, signal })),
      ),
  });
}

export function useProjects() {
  const api = useApi();
  return useQuery({
    queryKey: ['projects'],
    staleTime: 60_000,
    queryFn: ({ signal }) =>
      every(async (cursor) =>
        data(api.GET('/api/v1/projects', { params: { query: { cursor, limit: MOST } }, signal })),
      ),
  });
}

export function useUsage(query: { since?: string; until?: string; by: wire.UsageBy[]; timezone: string }) {
  const api = useApi();
  const project = useProject();
  return useQuery({
    queryKey: ['usage', project, query],
    staleTime: 60_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/projects/{project}/usage', { params: { path: { project }, query }, signal }),
      ) as Promise<wire.Usage>,
  });
}

/** All pages of a listing that is never long. */
async function every<T>(
  page: (cursor: string | null) => Promise<{ items: T[]; cursor?: string | null }>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  do {
    const next: { items: T[]; cursor?: string | null } = await page(cursor);
    found.push(...next.items);
    cursor = next.cursor ?? null;
  } while (cursor !== null);
  return found;
}

export type { Api };
