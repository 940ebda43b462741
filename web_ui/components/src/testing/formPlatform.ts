import type { Transport } from '../host/transport';
import type { Resource, Schemas, Secret, Size, Spec } from '../form/model';
import { RECIPES } from './recipeSchema';

const NOW = '2026-03-01T12:00:00.000000Z';

export interface Call {
  method: string;
  path: string;
  key: string | null;
  body: Record<string, unknown>;
}

interface Refusal {
  status: number;
  code: string;
  detail: string;
  data?: Record<string, unknown>;
}

/** The platform as far as forms see it, in memory: resources, sizes, secrets; answers kept by their key. */
export class FormPlatform implements Transport {
  readonly calls: Call[] = [];
  readonly resources = new Map<string, Resource>();
  secrets: Secret[] = ['aws-key', 'db-password'].map(secret);
  sizes: Size[] = [
    size('small', 1, 2, 0.03),
    size('medium', 2, 4, 0.06),
    { ...size('huge', 64, 512, 9), unavailable: 'it needs 64 cores' },
  ];
  /** Of all Jupyter servers, and of each by its id. */
  evidence: Record<string, Schemas['SizeEvidence'][]> = {};
  /** What the next write is refused with. */
  refusal: Refusal | null = null;
  /** How often the next answers of writes are lost on their way, after the write was done. */
  lost = 0;
  readonly #kept = new Map<string, string>();

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? 'GET';
    if (method === 'GET') return this.#read(path);
    const body = JSON.parse(String(init.body ?? '{}')) as Record<string, unknown>;
    const key = new Headers(init.headers).get('Idempotency-Key');
    this.calls.push({ method, path, key, body });
    const answer = this.#kept.get(key ?? '') ?? this.#write(method, path, body);
    if (typeof answer !== 'string') return problem(answer);
    if (key !== null) this.#kept.set(key, answer);
    if (this.lost > 0) {
      this.lost -= 1;
      throw new TypeError('the connection was lost');
    }
    return new Response(answer, { headers: { 'Content-Type': 'application/json' } });
  }

  /** Puts one there, as somebody else would. */
  put(name: string, spec: Spec, kind: Resource['kind'] = 'jupyter-server', updated_at = NOW): Resource {
    const found = resource(kind, name, spec, updated_at);
    this.resources.set(`${kind}/${name}`, found);
    return found;
  }

  #read(address: string): Response {
    const [path = '', query] = address.split('?');
    if (path === 'recipe-schema') return Response.json(RECIPES);
    if (path === 'sizes') return Response.json({ items: this.sizes, gpus: [] });
    if (path.endsWith('/sizes/evidence'))
      return Response.json(this.evidence[new URLSearchParams(query).get('resource') ?? 'all'] ?? []);
    if (path.endsWith('/secrets')) return Response.json({ items: this.secrets, cursor: null });
    const one = this.resources.get(path.replace('projects/default/resources/', ''));
    return one ? Response.json(one) : problem({ status: 404, code: 'not-found', detail: `no ${path}` });
  }

  #write(method: string, path: string, body: Record<string, unknown>): string | Refusal {
    const refused = this.refusal;
    this.refusal = null;
    if (refused) return refused;
    if (path.endsWith('/restart')) {
      const [, kind = '', name = ''] = /resources\/([^/]+)\/([^/]+)/.exec(path) ?? [];
      return JSON.stringify(this.resources.get(`${kind}/${name}`));
    }
    if (method === 'POST') return JSON.stringify(this.#create(body));
    const one = this.resources.get(path.replace('projects/default/resources/', ''));
    if (one === undefined) return { status: 404, code: 'not-found', detail: `no ${path}` };
    if (body.unchanged_since !== undefined && body.unchanged_since !== one.updated_at)
      return { status: 409, code: 'changed-meanwhile', detail: 'It was changed at 13:00 by ben.' };
    return JSON.stringify(this.put(one.name, body.spec as Spec, one.kind, '2026-03-01T14:00:00.000000Z'));
  }

  #create(body: Record<string, unknown>): Resource {
    return this.put(body.name as string, body.spec as Spec, body.kind as Resource['kind']);
  }
}

function problem({ status, code, detail, data = {} }: Refusal): Response {
  return Response.json({ code, detail, data }, { status });
}

function resource(kind: Resource['kind'], name: string, spec: Spec, updated_at: string): Resource {
  return {
    id: `rs-${name}`,
    kind,
    name,
    project: 'default',
    owner: 'ana',
    spec,
    state: {
      target: 'running',
      status: 'running',
      reason: null,
      workload_id: null,
      started_at: null,
      next_start_at: null,
      restarts: 0,
      needs_restart: false,
    } as Resource['state'],
    created_at: NOW,
    updated_at,
  };
}

function secret(name: string): Secret {
  return {
    name,
    project: 'default',
    owner: 'ana',
    version: 1,
    created_at: NOW,
    updated_at: NOW,
    maskable: true,
  };
}

function size(name: string, cores: number, gib: number, price: number): Size {
  return {
    name,
    display: name,
    cores,
    memory_bytes: gib * 2 ** 30,
    disk_bytes: null,
    shm_bytes: null,
    gpu: null,
    price_per_hour: price,
    disabled_message: null,
    unavailable: null,
  };
}
