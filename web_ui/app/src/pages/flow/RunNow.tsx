import { Button, data, Dialog, Problem, useApi, useText, type wire } from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useId, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useProject } from '../../shell/project';
import { useToast } from '../../shell/toasts';

/** Start a run of a deployment with parameters. Sent twice by one dialog it is one run. */
export function RunNow({ flow, open, onClose }: { flow: wire.Flow; open: boolean; onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const navigate = useNavigate();
  const project = useProject();
  const field = useId();
  const deployments = flow.deployments ?? [];
  const [deployment, setDeployment] = useState(deployments[0]?.name ?? '');
  const [text, setText] = useState('{}');
  const key = useRef('');
  useEffect(() => {
    if (open) key.current = crypto.randomUUID();
  }, [open]);
  const parsed = parse(text);
  const start = useMutation({
    mutationFn: (parameters: Record<string, unknown>) =>
      data(
        api.POST('/api/v1/flows/{flow_id}/runs', {
          params: { path: { flow_id: flow.id }, header: { 'idempotency-key': key.current } },
          body: { deployment_name: deployment, parameters, tags: [] },
        }),
      ),
    onSuccess: async (run) => {
      toast(t('flow.started', { name: run.name }));
      await client.invalidateQueries({ queryKey: ['runs'] });
      onClose();
      await navigate(`/p/${project}/runs/${run.id}`);
    },
  });
  return (
    <Dialog
      title={t('flow.runNow')}
      open={open}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button
            look="primary"
            disabled={parsed.value === null || start.isPending}
            onClick={() => parsed.value !== null && start.mutate(parsed.value)}
          >
            {t('flow.runNow')}
          </Button>
        </>
      }
    >
      {deployments.length > 1 && (
        <div className="pp-field">
          <label htmlFor={`${field}-deployment`}>{t('flow.deployments')}</label>
          <select
            id={`${field}-deployment`}
            value={deployment}
            onChange={(event) => setDeployment(event.target.value)}
          >
            {deployments.map((one) => (
              <option key={one.id}>{one.name}</option>
            ))}
          </select>
        </div>
      )}
      <div className="pp-field">
        <label htmlFor={`${field}-parameters`}>{t('flow.parameters')}</label>
        <textarea
          id={`${field}-parameters`}
          rows={6}
          spellCheck={false}
          aria-invalid={parsed.value === null}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {parsed.error && <span className="pp-error">{parsed.error}</span>}
      </div>
      {start.error && <Problem error={start.error} />}
    </Dialog>
  );
}

export function parse(text: string): { value: Record<string, unknown> | null; error: string | null } {
  try {
    const value: unknown = JSON.parse(text || '{}');
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { value: value as Record<string, unknown>, error: null };
    return { value: null, error: 'Parameters are an object: {"name": value}.' };
  } catch (error) {
    return { value: null, error: (error as Error).message };
  }
}
