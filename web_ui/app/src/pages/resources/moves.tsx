import { Button, Confirm, data, useApi, useText, type wire } from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useProject } from '../../shell/project';
import { useToast } from '../../shell/toasts';

type Move = 'start' | 'stop' | 'restart';

const DONE = {
  start: 'resource.started',
  stop: 'resource.stopped',
  restart: 'resource.restarted',
} as const;

const EXTENSION_SECONDS = 7200;

/** What can be done with a resource in the state it is in. Starting and stopping can be taken back. */
export function Moves({ resource, small = true }: { resource: wire.Resource; small?: boolean }) {
  const t = useText();
  const move = useMove(resource);
  const wanted = resource.state.target;
  return (
    <>
      {resource.kind === 'jupyter-server' && resource.state.status === 'running' && (
        <OpenButton resource={resource} />
      )}
      {wanted === 'stopped' && (
        <Button small={small} onClick={() => move.mutate('start')} disabled={move.isPending}>
          {t('resource.start')}
        </Button>
      )}
      {wanted === 'running' && (
        <>
          {resource.state.needs_restart && (
            <Button
              small={small}
              look="primary"
              onClick={() => move.mutate('restart')}
              disabled={move.isPending}
            >
              {t('resource.restart')}
            </Button>
          )}
          <Button small={small} onClick={() => move.mutate('stop')} disabled={move.isPending}>
            {t('resource.stop')}
          </Button>
        </>
      )}
    </>
  );
}

function useMove(resource: wire.Resource) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const path = { project: resource.project, kind: resource.kind, name: resource.name };
  const call = (move: Move) => {
    const params = { params: { path } };
    if (move === 'start')
      return data(api.POST('/api/v1/projects/{project}/resources/{kind}/{name}/start', params));
    if (move === 'stop')
      return data(api.POST('/api/v1/projects/{project}/resources/{kind}/{name}/stop', params));
    return data(api.POST('/api/v1/projects/{project}/resources/{kind}/{name}/restart', params));
  };
  const back: Record<Move, Move | null> = { start: 'stop', stop: 'start', restart: null };
  const mutation = useMutation({
    mutationFn: call,
    onSuccess: async (_, move) => {
      await client.invalidateQueries({ queryKey: ['resources'] });
      const undo = back[move];
      toast(t(DONE[move], { name: resource.name }), undo ? { undo: () => mutation.mutate(undo) } : {});
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  return mutation;
}

/** Opens the resource's own pages in another tab, by a link that is good once. */
export function OpenButton({ resource, small = true }: { resource: wire.Resource; small?: boolean }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const open = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/v1/projects/{project}/resources/{kind}/{name}/open', {
          params: { path: { project: resource.project, kind: resource.kind, name: resource.name } },
        }),
      ),
    onSuccess: (link) => window.open(link.url, '_blank', 'noopener'),
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  return (
    <Button small={small} look="primary" disabled={open.isPending} onClick={() => open.mutate()}>
      {t('open')}
    </Button>
  );
}

export function ExtendButton({ resource }: { resource: wire.Resource }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const extend = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/v1/projects/{project}/resources/{kind}/{name}/extend', {
          params: { path: { project: resource.project, kind: resource.kind, name: resource.name } },
          body: { seconds: EXTENSION_SECONDS },
        }),
      ),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['resources'] });
      toast(t('resource.extended', { name: resource.name }));
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  return (
    <Button small disabled={extend.isPending} onClick={() => extend.mutate()}>
      {t('resource.extend')}
    </Button>
  );
}

export function DeleteButton({ resource }: { resource: wire.Resource }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const navigate = useNavigate();
  const project = useProject();
  const [asking, setAsking] = useState(false);
  const removal = useMutation({
    mutationFn: () =>
      data(
        api.DELETE('/api/v1/projects/{project}/resources/{kind}/{name}', {
          params: { path: { project: resource.project, kind: resource.kind, name: resource.name } },
        }),
      ),
    onSuccess: async () => {
      setAsking(false);
      toast(t('resource.deleted', { name: resource.name }));
      await client.invalidateQueries({ queryKey: ['resources'] });
      await navigate(`/p/${project}/resources`);
    },
  });
  return (
    <>
      <Button look="danger" onClick={() => setAsking(true)}>
        {t('delete')}
      </Button>
      <Confirm
        title={`${t('delete')}: ${t(`kind.${resource.kind}`)} ${resource.name}`}
        open={asking}
        name={resource.name}
        action={t('delete')}
        busy={removal.isPending}
        error={removal.error}
        onConfirm={() => removal.mutate()}
        onClose={() => setAsking(false)}
      >
        <p>{t('resource.deleteWords')}</p>
      </Confirm>
    </>
  );
}
