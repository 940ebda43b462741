import { useText, type Text } from '@prefect-platform/components';
import { ResourceForm, type Kind } from '@prefect-platform/components/form';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { useProject } from '../../shell/project';
import { NotFound } from '../NotFound';
import { PageHead } from '../parts';
import { useLeaving } from './leaving';
import { useRecipe } from './recipe';

const TITLES: Record<Kind, Text> = {
  'jupyter-server': 'jupyter.new',
  'prefect-agent': 'agents.new',
  'dask-cluster': 'clusters.new',
};

/** Something new, from a form. */
export function New() {
  const { kind = '' } = useParams();
  return kind in TITLES ? <Shown kind={kind as Kind} /> : <NotFound />;
}

function Shown({ kind }: { kind: Kind }) {
  const t = useText();
  const project = useProject();
  const client = useQueryClient();
  const navigate = useNavigate();
  const leaving = useLeaving();
  const recipe = useRecipe(kind);
  return (
    <>
      <PageHead title={t(TITLES[kind])} />
      <ResourceForm
        kind={kind}
        project={project}
        initial={recipe}
        onDirty={leaving.onDirty}
        onSaved={(made) => {
          leaving.free();
          void client.invalidateQueries({ queryKey: [kind === 'dask-cluster' ? 'clusters' : 'resources'] });
          const path = 'kind' in made ? `resources/${made.kind}/${made.name}` : `clusters/${made.id}`;
          void navigate(`/p/${project}/${path}`);
        }}
        onCancel={() => {
          leaving.free();
          void navigate(-1);
        }}
      />
      {leaving.question}
    </>
  );
}
