import { createContext, useContext, type ReactNode } from 'react';

/**
 * How a host reaches the platform. The web app sends its cookie and a CSRF header; JupyterLab goes through its
 * own server, which holds the token. `path` is below `/api/v1/`, without a leading slash.
 */
export interface Transport {
  request(path: string, init?: RequestInit): Promise<Response>;
}

const Context = createContext<Transport | null>(null);

export function TransportProvider({ transport, children }: { transport: Transport; children: ReactNode }) {
  return <Context.Provider value={transport}>{children}</Context.Provider>;
}

export function useTransport(): Transport {
  const transport = useContext(Context);
  if (transport === null) throw new Error('a component of the platform stands outside of TransportProvider');
  return transport;
}
