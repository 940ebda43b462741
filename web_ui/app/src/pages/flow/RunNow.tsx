import { data, Dialog, Problem, Skeleton, useApi, useText, type wire } from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useId, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useParameters } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { useToast } from '../../shell/toasts';

const ParametersForm = lazy(async () => ({
  default: (await import('@prefect-platform/components/form')).ParametersForm,
}));

interface Props {
  flow: wire.Flow;
  open: boolean;
  onClose: () => void;
}

/** Start a run of a deployment with parameters. Sent twice by one dialog it is one run. */
export function RunNow({ flow, open, onClose }: Props) {
  const t = useText();
  const deployments = flow.deployments ?? [];
  const field = useId();
  const [chosen, setChosen] = useState<string | null>(null);
  const deployment = chosen ?? deployments[0]?.name ?? '';
  return (
    <Dialog title={t('flow.runNow')} open={open} onClose={onClose}>
      {deployments.length > 1 && (
        <div className="pp-field">
          <label htmlFor={field}>{t('flow.deployments')}</label>
          <select id={field} value={deployment} onChange={(event) => setChosen(event.target.value)}>
            {deployments.map((one) => (
              <option key={one.id}>{one.name}</option>
            ))}
          </select>
        </div>
      )}
      <Parameters key={deployment} flow={flow} deployment={deployment} onClose={onClose} />
    </Dialog>
  );
}

function Parameters({
  flow,
  deployment,
  onClose,
}: {
  flow: wire.Flow;
  deployment: string;
  onClose: () => void;
}) {
  const found = useParameters(flow.id);
  const start = useStart(flow, deployment, onClose);
  if (found.isError) return <Problem error={found.error} again={() => void found.refetch()} />;
  if (found.isPending) return <Skeleton lines={3} />;
  const takes = found.data.find((one) => one.deployment_name === deployment);
  return (
    <Suspense fallback={<Skeleton lines={3} />}>
      <ParametersForm
        schema={takes?.parameter_schema ?? {}}
        defaults={takes?.parameters ?? {}}
        error={start.error}
        busy={start.isPending}
        onRun={(parameters) => start.mutate(parameters)}
      />
    </Suspense>
  );
}

function useStart(flow: wire.Flow, deployment: string, onClose: () => void) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const navigate = useNavigate();
  const project = useProject();
  const key = useRef('');
  useEffect(() => {
    key.current = crypto.randomUUID();
  }, []);
  return useMutation({
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
    // What was refused was not begun: the next attempt is another one.
    onError: () => {
      key.current = crypto.randomUUID();
    },
  });
}
