import { Card, Empty, useText } from '@prefect-platform/components';

/** The next runs that a schedule will make. */
export function Upcoming() {
  const t = useText();
  return (
    <Card title={t('home.next')}>
      <Empty>{t('home.nextNone')}</Empty>
    </Card>
  );
}
