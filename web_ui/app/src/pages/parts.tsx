import { Badge, Lasted, Time, toneOf, useText, words, type wire } from '@prefect-platform/components';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { useProject } from '../shell/project';

/** The state of a run: the platform's own word, or Prefect's before the platform has one. */
export function RunBadge({ run }: { run: wire.Run }) {
  const shown = run.status ?? run.prefect_state ?? 'scheduled';
  return <Badge tone={toneOf(shown)}>{shown.toLowerCase()}</Badge>;
}

export function StatusBadge({ status }: { status: string }) {
  return <Badge tone={toneOf(status)}>{status}</Badge>;
}

export function RunLink({ run }: { run: wire.Run }) {
  const project = useProject();
  return (
    <Link className="name" to={`/p/${project}/runs/${run.id}`} title={run.name}>
      {run.name}
    </Link>
  );
}

export function FlowLink({ id, name }: { id: string; name: string }) {
  const project = useProject();
  return (
    <Link className="name" to={`/p/${project}/flows/${id}`} title={name}>
      {name}
    </Link>
  );
}

/** Begin and length of a run, going on while it is open. */
export function RunTimes({ run }: { run: wire.Run }) {
  return run.started_at ? (
    <Lasted from={run.started_at} to={run.ended_at} />
  ) : (
    <span className="faint">–</span>
  );
}

export function PageHead({
  title,
  beside,
  children,
}: {
  title: ReactNode;
  beside?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="head">
      <h1>{title}</h1>
      {beside !== undefined && <span className="soft">{beside}</span>}
      {children !== undefined && <div className="actions">{children}</div>}
    </div>
  );
}

const DAY_MS = 86_400_000;

export function isOfLastDay(run: wire.Run, now: number): boolean {
  return now - new Date(run.ended_at ?? run.created_at).getTime() < DAY_MS;
}

export const isBad = (run: wire.Run): boolean => run.status === 'failed' || run.status === 'crashed';

/** One small bar for each of the last runs, the newest at the right. */
export function Dots({ runs, most = 12 }: { runs: wire.Run[]; most?: number }) {
  const t = useText();
  const shown = runs.slice(0, most).reverse();
  return (
    <span
      className="dots"
      role="img"
      aria-label={`${t('home.flowsLast')}: ${shown.map((r) => r.status).join(', ')}`}
    >
      {shown.map((run) => (
        <i
          key={run.id}
          className={toneOf(run.status)}
          title={`${run.name}: ${run.status ?? ''} ${words.exact(run.created_at)}`}
        />
      ))}
    </span>
  );
}

export function Since({ at }: { at: string | null | undefined }) {
  return (
    <span className="small soft num">
      <Time at={at} />
    </span>
  );
}
