import { Card, Empty, Problem, Skeleton, useText } from '@prefect-platform/components';
import { useFlows, useRuns } from '../../queries/hooks';
import { AgentsCard, FlowsCard, Look, Running } from './cards';
import { Figures } from './Figures';
import { Upcoming } from './Upcoming';

const FIRST = `from prefect import flow
from prefect_platform import register

@flow(log_prints=True)
def hello(name: str = "world"):
    print(f"Hello, {name}!")

register(hello, name="first", cron="0 8 * * *").run()`;

/** What needs somebody, and what goes on. */
export function Home() {
  const t = useText();
  const runs = useRuns();
  const flows = useFlows();
  const found = runs.data?.pages.flatMap((page) => page.items) ?? [];
  if (runs.isError) return <Problem error={runs.error} again={() => void runs.refetch()} />;
  if (runs.isPending || flows.isPending)
    return (
      <Card label={t('home.title')}>
        <Skeleton lines={5} />
      </Card>
    );
  return (
    <>
      <h1 className="unseen">{t('home.title')}</h1>
      <Figures runs={found} more={runs.hasNextPage} />
      {flows.data?.length === 0 && found.length === 0 ? <First /> : <Look runs={found} />}
      <div className="two">
        <div className="stack">
          <Running runs={found} />
          <FlowsCard runs={found} flows={flows.data ?? []} />
        </div>
        <div className="stack">
          <Upcoming />
          <AgentsCard />
        </div>
      </div>
    </>
  );
}

function First() {
  const t = useText();
  return (
    <Card label={t('flows.none')}>
      <Empty>
        <p>{t('home.first')}</p>
        <pre className="pp-code">{FIRST}</pre>
      </Empty>
    </Card>
  );
}
