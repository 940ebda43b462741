import { PlatformProblem, Problem, useText } from '@prefect-platform/components';
import { Link, useRouteError } from 'react-router';
import { NotFound } from './NotFound';

/** A page that could not be shown, in words and with a way out. */
export function Fault() {
  const t = useText();
  const error = useRouteError();
  if (error instanceof PlatformProblem && error.status === 404) return <NotFound reason={error.message} />;
  return (
    <main className="fault">
      <h1>{t('fault')}</h1>
      <Problem error={error} again={() => location.reload()} />
      <Link to="/">{t('toHome')}</Link>
    </main>
  );
}
