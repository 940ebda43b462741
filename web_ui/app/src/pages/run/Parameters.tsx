import {
  Card,
  Copy,
  Empty,
  JsonTree,
  PlatformProblem,
  Problem,
  Skeleton,
  useText,
  written,
  type Json,
  type wire,
} from '@prefect-platform/components';
import { useRunParameters } from '../../queries/hooks';

/** What a run was started with, as Prefect holds it. */
export function RunParameters({ run }: { run: wire.RunDetail }) {
  const t = useText();
  const found = useRunParameters(run.id);
  const told = found.data?.parameters as Record<string, Json> | undefined;
  const some = told !== undefined && Object.keys(told).length > 0;
  return (
    <Card
      title={t('run.parameters')}
      actions={some && <Copy text={written(told, found.data?.large_numbers)} />}
    >
      {found.isPending && <Skeleton lines={2} />}
      {found.isError && <Refused error={found.error} again={() => void found.refetch()} />}
      {told !== undefined && !some && <Empty>{t('run.parametersNone')}</Empty>}
      {some && (
        <div className="body">
          <JsonTree value={told} large={found.data?.large_numbers} cuts={found.data?.cuts} />
        </div>
      )}
    </Card>
  );
}

function Refused({ error, again }: { error: Error; again: () => void }) {
  const t = useText();
  const gone = error instanceof PlatformProblem && error.code === 'not-found';
  return gone ? <Empty>{t('run.parametersGone')}</Empty> : <Problem error={error} again={again} />;
}
