import createClient, { type Client } from 'openapi-fetch';
import { useMemo } from 'react';
import { useTransport, type Transport } from '../host/transport';
import { problemOf, Unreachable } from './problem';
import type { paths } from './schema';

export type Api = Client<paths>;

const PREFIX = 'http://platform';

/** The typed client over a host's transport. Every answer that is no success is thrown as a `PlatformProblem`. */
export function apiOver(transport: Transport): Api {
  const client = createClient<paths>({
    baseUrl: PREFIX,
    fetch: async (request: Request) => {
      const body = request.body === null ? undefined : await request.text();
      const path = request.url.slice(`${PREFIX}/api/v1/`.length);
      return send(transport, path, {
        method: request.method,
        headers: request.headers,
        body: body === '' ? undefined : body,
        signal: request.signal,
      });
    },
  });
  return client;
}

/** One call; a refusal and silence are both thrown. */
export async function send(transport: Transport, path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await transport.request(path, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Unreachable(error);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export function useApi(): Api {
  const transport = useTransport();
  return useMemo(() => apiOver(transport), [transport]);
}

/** The data of a call that cannot be without: refusals were thrown before. */
export async function data<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}
