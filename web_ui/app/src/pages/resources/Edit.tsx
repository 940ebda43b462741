import { Card, Problem, Skeleton, useText, type wire } from '@prefect-platform/components';
import { ResourceForm } from '@prefect-platform/components/form';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { useResource } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { PageHead } from '../parts';

/** A resource as it is to be: what changes, and what needs a restart. */
export function Edit() {
  const t = useText();
  const { kind = '', name = '' } = useParams();
  const project = useProject();
  const client = useQueryClient();
  const navigate = useNavigate();
  const resource = useResource(kind as wire.ResourceKind, name);
  if (resource.isError) return <Problem error={resource.error} again={() => void resource.refetch()} />;
  if (resource.isPending)
    return (
      <Card>
        <Skeleton lines={5} />
      </Card>
    );
  const back = `/p/${project}/resources/${kind}/${name}`;
  return (
    <>
      <PageHead title={name} beside={t('resource.edit')} />
      <ResourceForm
        kind={resource.data.kind}
        project={project}
        resource={resource.data}
        onSaved={() => {
          void client.invalidateQueries({ queryKey: ['resources'] });
          void navigate(back);
        }}
        onCancel={() => void navigate(back)}
      />
    </>
  );
}
