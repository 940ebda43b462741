import {
  PlatformProblem,
  send,
  setServerTime,
  type Transport,
  type wire,
} from '@prefect-platform/components';

/** Where the API is, below whatever base path the page was served from. */
const API = new URL('api/v1/', document.baseURI);

let csrfToken: string | null = null;
/** Called when a call is refused because nobody is signed in any more. */
let onSignedOut: () => void = () => undefined;

export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** The web app's way to the platform: the browser's cookie, and for writes the token of its session. */
export const transport: Transport = {
  async request(path, init = {}) {
    const headers = new Headers(init.headers);
    const method = init.method ?? 'GET';
    if (method !== 'GET' && csrfToken !== null) headers.set('X-CSRF-Token', csrfToken);
    const response = await fetch(new URL(path, API), { ...init, headers, credentials: 'same-origin' });
    setServerTime(response.headers.get('Date'));
    if (response.status === 401 && path !== 'session') onSignedOut();
    return response;
  },
};

/** Who is signed in; null if nobody is. */
export async function readSession(): Promise<wire.Session | null> {
  try {
    return keep(await send(transport, 'session'));
  } catch (error) {
    if (error instanceof PlatformProblem && error.status === 401) return null;
    throw error;
  }
}

export async function signIn(by: { ticket: string } | { token: string }): Promise<wire.Session> {
  const headers = { 'Content-Type': 'application/json' };
  return keep(await send(transport, 'session', { method: 'POST', headers, body: JSON.stringify(by) }));
}

export async function signOut(): Promise<void> {
  await send(transport, 'session', { method: 'DELETE' });
  csrfToken = null;
}

async function keep(response: Response): Promise<wire.Session> {
  const session = (await response.json()) as wire.Session;
  csrfToken = session.csrf_token;
  return session;
}

/** The path of the base, without a slash at its end: what the router takes off. */
export const basePath = new URL(document.baseURI).pathname.replace(/\/+$/, '') || '/';
