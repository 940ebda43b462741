import { data, type Api } from '../api/client';
import type { Cluster, DaskSpec, Resource, Schemas, Wanted } from './model';

type Python = { python: Schemas['PythonInfo']; environment: Schemas['EnvironmentSpec'] | null };

/** One key for one document: what is sent twice is done once, and what was changed is another request. */
export class Keys {
  readonly #known = new Map<string, string>();

  of(body: unknown): string {
    const text = JSON.stringify(body);
    const found = this.#known.get(text) ?? random();
    this.#known.set(text, found);
    return found;
  }
}

/** `randomUUID` is there for secure origins alone. */
function random(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `form-${[...bytes].map((one) => one.toString(16).padStart(2, '0')).join('')}`;
}

type SavedKind = Schemas['ResourceKind'];

/** Makes it. Throws a `PlatformProblem` where it is refused. */
export function create(api: Api, wanted: Wanted, keys: Keys): Promise<Resource> {
  const body = { kind: wanted.kind as SavedKind, name: wanted.name, spec: wanted.spec, start: wanted.start };
  return data(
    api.POST('/api/v1/projects/{project}/resources', {
      params: { path: { project: wanted.project } },
      headers: { 'Idempotency-Key': keys.of(body) },
      body,
    }),
  );
}

/** Gives it another spec, unless somebody changed it after `since`. */
export function update(api: Api, wanted: Wanted, since: string, keys: Keys): Promise<Resource> {
  const body = { spec: wanted.spec, unchanged_since: since };
  return data(
    api.PUT('/api/v1/projects/{project}/resources/{kind}/{name}', {
      params: { path: { project: wanted.project, kind: wanted.kind as SavedKind, name: wanted.name } },
      headers: { 'Idempotency-Key': keys.of(body) },
      body,
    }),
  );
}

/** Ends what runs of it, and starts it with its spec of now. */
export function restart(
  api: Api,
  { project, kind, name, updated_at }: Resource,
  keys: Keys,
): Promise<Resource> {
  return data(
    api.POST('/api/v1/projects/{project}/resources/{kind}/{name}/restart', {
      params: { path: { project, kind, name } },
      headers: { 'Idempotency-Key': keys.of({ restart: name, updated_at }) },
    }),
  );
}

export function read(api: Api, project: string, kind: SavedKind, name: string): Promise<Resource> {
  return data(
    api.GET('/api/v1/projects/{project}/resources/{kind}/{name}', {
      params: { path: { project, kind, name } },
    }),
  );
}

/** A cluster of its own, with the interpreter and packages of a flow's version. */
export function open(
  api: Api,
  wanted: Wanted,
  { python, environment }: Python,
  keys: Keys,
): Promise<Cluster> {
  const body = {
    name: wanted.name || null,
    spec: wanted.spec as Schemas['DaskSpec'] & DaskSpec,
    python,
    environment,
  };
  return data(
    api.POST('/api/v1/projects/{project}/clusters', {
      params: { path: { project: wanted.project } },
      headers: { 'Idempotency-Key': keys.of(body) },
      body,
    }),
  );
}
