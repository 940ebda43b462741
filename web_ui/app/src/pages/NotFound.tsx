import { useText } from '@prefect-platform/components';
import { Link } from 'react-router';

export function NotFound({ reason }: { reason?: string }) {
  const t = useText();
  return (
    <div className="fault stack">
      <h1>{t('notFound')}</h1>
      <p className="soft">{reason ?? t('notFound.page')}</p>
      <p>
        <Link to="/">{t('toHome')}</Link>
      </p>
    </div>
  );
}
