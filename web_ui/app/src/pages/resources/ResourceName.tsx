import { useText, type wire } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useProject } from '../../shell/project';

/** Leads to a resource; below it why it is as it is. */
export function ResourceName({ resource }: { resource: wire.Resource }) {
  const t = useText();
  const project = useProject();
  const { kind, name, state } = resource;
  return (
    <>
      <Link to={`/p/${project}/resources/${kind}/${name}`}>{name}</Link>
      {state.reason && <div className="reason">{state.reason}</div>}
      {state.needs_restart && <div className="reason">{t('resource.needsRestart')}</div>}
    </>
  );
}
