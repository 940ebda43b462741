import { Card, Problem, Skeleton, useText, type wire } from '@prefect-platform/components';
import { ResourceForm } from '@prefect-platform/components/form';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { useResource } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { PageHead } from '../parts';
import { useLeaving } from './leaving';
import { useRecipe } from './recipe';

/** A resource as it is to be: what changes, and what needs a restart. */
export function Edit() {
  const t = useText();
  const { kind = '', name = '' } = useParams();
  const project = useProject();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leaving = useLeaving();
  const recipe = useRecipe(kind);
  const resource = useResource(kind as wire.ResourceKind, name);
  if (resource.isError) return <Problem error={resource.error} again={() => void resource.refetch()} />;
  if (resource.isPending)
    return (
      <Card>
        <Skeleton lines={5} />
      </Card>
    );
  const leave = () => {
    leaving.free();
    void navigate(`/p/${project}/resources/${kind}/${name}`);
  };
  return (
    <>
      <PageHead title={name} beside={t('resource.edit')} />
      <ResourceForm
        kind={resource.data.kind}
        project={project}
        resource={resource.data}
        initial={recipe?.name === name ? recipe : undefined}
        onDirty={leaving.onDirty}
        onSaved={() => {
          void client.invalidateQueries({ queryKey: ['resources'] });
          leave();
        }}
        onCancel={leave}
      />
      {leaving.question}
    </>
  );
}
