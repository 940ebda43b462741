import { follow, useTransport } from '@prefect-platform/components';
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { FALLBACK_SECONDS, type Topic } from './keys';

interface Change {
  topics: Topic[];
}

export type Live = 'connecting' | 'live' | 'lost';

/**
 * Keeps what is on the screen current: the server names what changed, and only that is asked for again. While
 * the stream is away everything is asked for every ten seconds.
 */
export function useChanges(project: string): Live {
  const transport = useTransport();
  const client = useQueryClient();
  const [live, setLive] = useState<Live>('connecting');
  useEffect(() => {
    const controller = new AbortController();
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void refresh(client);
    }, FALLBACK_SECONDS * 1000);
    let fallback = true;
    const path = `projects/${encodeURIComponent(project)}/changes`;
    void follow(transport, {
      path,
      signal: controller.signal,
      onConnected: (connected) => {
        setLive(connected ? 'live' : 'lost');
        // What happened while nobody listened is unknown.
        if (connected) void refresh(client);
        if (connected && fallback) {
          clearInterval(timer);
          fallback = false;
        }
      },
      onEvent: (event) => invalidate(client, (JSON.parse(event.data) as Change).topics),
    }).catch(() => setLive('lost'));
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [transport, client, project]);
  return live;
}

function refresh(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ predicate: (query) => query.meta?.fixed !== true });
}

function invalidate(client: QueryClient, topics: Topic[]): void {
  for (const topic of topics) void client.invalidateQueries({ queryKey: [topic] });
}
