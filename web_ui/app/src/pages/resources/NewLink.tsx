import { useText, type Text } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useProject } from '../../shell/project';

/** Leads to the form of something new. */
export function NewLink({ kind, text }: { kind: string; text: Text }) {
  const t = useText();
  const project = useProject();
  return (
    <Link className="pp-button primary" to={`/p/${project}/resources/new/${kind}`}>
      {t(text)}
    </Link>
  );
}
