import {
  Button,
  Confirm,
  data,
  Dialog,
  ListCard,
  Problem,
  Table,
  Time,
  useApi,
  useText,
  type wire,
} from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import { useSecrets, useSecretUses } from '../queries/hooks';
import { useProject } from '../shell/project';
import { useToast } from '../shell/toasts';
import { PageHead, Since } from './parts';

/** Secrets by name. Values go in, and never come out. */
export function Secrets() {
  const t = useText();
  const secrets = useSecrets();
  const [query, setQuery] = useSearchParams();
  const [editing, setEditing] = useState<string | null>(null);
  const [deleting, setDeleting] = useState<string | null>(null);
  const shown = query.get('secret');
  const found = secrets.data ?? [];
  return (
    <>
      <PageHead title={t('secrets.title')}>
        <Button look="primary" onClick={() => setEditing('')}>
          {t('secrets.new')}
        </Button>
      </PageHead>
      <ListCard label={t('secrets.title')} query={secrets} count={found.length} none={t('secrets.none')}>
        <Table
          rows={found}
          id={(one) => one.name}
          columns={[
            {
              title: t('secret.name'),
              cell: (one) => (
                <>
                  <button
                    className="pp-link mono"
                    aria-expanded={shown === one.name}
                    onClick={() => setQuery(shown === one.name ? {} : { secret: one.name })}
                  >
                    {one.name}
                  </button>
                  {!one.maskable && <div className="reason">{t('secret.notMaskable')}</div>}
                </>
              ),
            },
            { title: t('secret.version'), as: 'number', cell: (one) => one.version },
            { title: t('resource.owner'), cell: (one) => one.owner },
            { title: t('secret.changed'), cell: (one) => <Since at={one.updated_at} /> },
            {
              title: t('secret.set'),
              as: 'buttons',
              cell: (one) => (
                <>
                  <Button small onClick={() => setEditing(one.name)}>
                    {t('secret.set')}
                  </Button>
                  <Button small look="danger" onClick={() => setDeleting(one.name)}>
                    {t('delete')}
                  </Button>
                </>
              ),
            },
          ]}
        />
      </ListCard>
      {shown && <Uses name={shown} />}
      <Editor name={editing} onClose={() => setEditing(null)} />
      <Deletion name={deleting} onClose={() => setDeleting(null)} />
    </>
  );
}

function Uses({ name }: { name: string }) {
  const t = useText();
  const uses = useSecretUses(name);
  const found = uses.data?.items ?? [];
  return (
    <ListCard
      title={`${t('secret.uses')}: ${name}`}
      query={uses}
      count={found.length}
      none={t('secret.usesNone')}
    >
      <Table
        rows={found}
        id={(use) => `${use.workload_id}/${use.version}`}
        columns={[
          { title: t('secret.usedBy'), cell: (use) => <UsedBy use={use} /> },
          { title: t('secret.version'), as: 'number', cell: (use) => use.version },
          { title: t('run.by'), cell: (use) => use.user ?? '–' },
          { title: t('secret.at'), className: 'small soft', cell: (use) => <Time at={use.at} /> },
        ]}
      />
    </ListCard>
  );
}

function UsedBy({ use }: { use: wire.SecretUse }) {
  const project = useProject();
  const what = use.flow
    ? `${use.flow}${use.flow_version ? ` version ${use.flow_version}` : ''}`
    : use.resource;
  return (
    <>
      {use.run_id && !use.run_removed ? <Link to={`/p/${project}/runs/${use.run_id}`}>{what}</Link> : what}
      {use.flow && use.resource && <span className="faint"> {use.resource}</span>}
    </>
  );
}

function Editor({ name, onClose }: { name: string | null; onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const project = useProject();
  const field = useId();
  const [called, setCalled] = useState('');
  const [value, setValue] = useState('');
  useEffect(() => {
    setCalled(name ?? '');
    setValue('');
  }, [name]);
  const save = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/v1/projects/{project}/secrets/{name}', {
          params: { path: { project, name: called } },
          body: { value },
        }),
      ),
    onSuccess: async (saved) => {
      await client.invalidateQueries({ queryKey: ['secrets'] });
      toast(t('secret.saved', { name: saved.name, version: saved.version }));
      onClose();
    },
  });
  return (
    <Dialog
      title={name ? `${t('secret.set')}: ${name}` : t('secrets.new')}
      open={name !== null}
      onClose={() => {
        save.reset();
        onClose();
      }}
      footer={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button look="primary" disabled={!called || !value || save.isPending} onClick={() => save.mutate()}>
            {t('save')}
          </Button>
        </>
      }
    >
      {name === '' && (
        <div className="pp-field">
          <label htmlFor={`${field}-name`}>{t('secret.name')}</label>
          <input
            id={`${field}-name`}
            className="mono"
            autoComplete="off"
            value={called}
            onChange={(event) => setCalled(event.target.value)}
          />
        </div>
      )}
      <div className="pp-field">
        <label htmlFor={`${field}-value`}>{t('secret.value')}</label>
        <textarea
          id={`${field}-value`}
          className="secret"
          rows={4}
          autoComplete="off"
          spellCheck={false}
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
        <span className="pp-hint">{t('secret.valueHint')}</span>
      </div>
      {save.error && <Problem error={save.error} />}
    </Dialog>
  );
}

function Deletion({ name, onClose }: { name: string | null; onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const project = useProject();
  const removal = useMutation({
    mutationFn: () =>
      data(
        api.DELETE('/api/v1/projects/{project}/secrets/{name}', {
          params: { path: { project, name: name ?? '' } },
        }),
      ),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['secrets'] });
      toast(t('secret.deleted', { name: name ?? '' }));
      onClose();
    },
  });
  return (
    <Confirm
      title={`${t('delete')}: ${name ?? ''}`}
      open={name !== null}
      name={name ?? ''}
      action={t('delete')}
      busy={removal.isPending}
      error={removal.error}
      onConfirm={() => removal.mutate()}
      onClose={onClose}
    >
      <p>{t('secret.deleteWords')}</p>
    </Confirm>
  );
}
