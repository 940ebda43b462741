import {
  Badge,
  Button,
  Confirm,
  Copy,
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
import { useId, useState } from 'react';
import { useTokens } from '../queries/hooks';
import { useToast } from '../shell/toasts';
import { PageHead, Since } from './parts';

export function Tokens() {
  const t = useText();
  const tokens = useTokens();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<wire.Token | null>(null);
  const found = [...(tokens.data ?? [])].sort((a, b) => b.created_at.localeCompare(a.created_at));
  return (
    <>
      <PageHead title={t('tokens.title')}>
        <Button look="primary" onClick={() => setMaking(true)}>
          {t('tokens.new')}
        </Button>
      </PageHead>
      <ListCard label={t('tokens.title')} query={tokens} count={found.length} none="–">
        <Table
          rows={found}
          id={(one) => one.id}
          columns={[
            { title: t('token.label'), cell: (one) => one.label },
            { title: t('token.kind'), className: 'soft', cell: (one) => one.kind },
            { title: t('project'), cell: (one) => one.project ?? '–' },
            { title: t('token.created'), cell: (one) => <Since at={one.created_at} /> },
            {
              title: t('token.expires'),
              className: 'small soft',
              cell: (one) => (one.expires_at ? <Time at={one.expires_at} /> : t('token.never')),
            },
            {
              title: t('token.revoke'),
              as: 'buttons',
              cell: (one) =>
                one.revoked_at ? (
                  <Badge tone="idle">{t('token.revoked')}</Badge>
                ) : (
                  <Button small look="danger" onClick={() => setRevoking(one)}>
                    {t('token.revoke')}
                  </Button>
                ),
            },
          ]}
        />
      </ListCard>
      {making && <NewToken onClose={() => setMaking(false)} />}
      <Revocation token={revoking} onClose={() => setRevoking(null)} />
    </>
  );
}

function NewToken({ onClose }: { onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const client = useQueryClient();
  const field = useId();
  const [label, setLabel] = useState('');
  const [days, setDays] = useState('');
  const make = useMutation({
    mutationFn: () =>
      data(api.POST('/api/v1/tokens', { body: { label, kind: 'user', days: days ? Number(days) : null } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ['tokens'] }),
  });
  return (
    <Dialog
      title={t('tokens.new')}
      open
      onClose={onClose}
      footer={
        make.data ? (
          <Button look="primary" onClick={onClose}>
            {t('close')}
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>{t('cancel')}</Button>
            <Button look="primary" disabled={!label || make.isPending} onClick={() => make.mutate()}>
              {t('tokens.new')}
            </Button>
          </>
        )
      }
    >
      {make.data ? (
        <>
          <p>{t('token.once')}</p>
          <pre className="pp-code">{make.data.secret}</pre>
          <div>
            <Copy text={make.data.secret} />
          </div>
        </>
      ) : (
        <>
          <div className="pp-field">
            <label htmlFor={`${field}-label`}>{t('token.label')}</label>
            <input id={`${field}-label`} value={label} onChange={(event) => setLabel(event.target.value)} />
          </div>
          <div className="pp-field">
            <label htmlFor={`${field}-days`}>{t('token.days')}</label>
            <input
              id={`${field}-days`}
              type="number"
              min={1}
              value={days}
              onChange={(event) => setDays(event.target.value)}
            />
            <span className="pp-hint">{t('token.daysHint')}</span>
          </div>
          {make.error && <Problem error={make.error} />}
        </>
      )}
    </Dialog>
  );
}

function Revocation({ token, onClose }: { token: wire.Token | null; onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const revoke = useMutation({
    mutationFn: (id: string) =>
      data(api.DELETE('/api/v1/tokens/{token_id}', { params: { path: { token_id: id } } })),
    onSuccess: async () => {
      toast(t('token.revokeDone', { label: token?.label ?? '' }));
      onClose();
      await client.invalidateQueries({ queryKey: ['tokens'] });
    },
  });
  return (
    <Confirm
      title={`${t('token.revoke')}: ${token?.label ?? ''}`}
      open={token !== null}
      action={t('token.revoke')}
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => token && revoke.mutate(token.id)}
      onClose={onClose}
    >
      <p>{t('token.revokeWords')}</p>
    </Confirm>
  );
}
