import {
  Card,
  Empty,
  Fact,
  Facts,
  Problem,
  Skeleton,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { useState, type ReactNode } from 'react';
import { useRunEnvironment } from '../../queries/hooks';

/** What a run had: interpreter and packages, beside those that were registered where they differ. */
export function RunEnvironment({ run }: { run: wire.RunDetail }) {
  const t = useText();
  const attempt = run.attempt_list.at(-1);
  const looked = `${attempt?.number ?? 0} ${attempt?.workload.promises != null}`;
  const found = useRunEnvironment(run.id, looked);
  return (
    <Card title={t('run.environment')} beside={found.data && <Verdict of={found.data} />}>
      {found.isPending && <Skeleton lines={4} />}
      {found.isError && <Problem error={found.error} again={() => void found.refetch()} />}
      {found.data && <Shown of={found.data} />}
    </Card>
  );
}

/** Packages that differ: also those of which there were too many to name. */
function differing(of: wire.RunEnvironment): number {
  return of.packages.filter((one) => one.differs).length + (of.found?.more_differences ?? 0);
}

function Verdict({ of }: { of: wire.RunEnvironment }) {
  const t = useText();
  if (of.found === null || of.registered === null) return null;
  const count = differing(of);
  if (count > 0)
    return t(count === 1 ? 'environment.differsOne' : 'environment.differs', { count: words.count(count) });
  return isOtherPython(of) ? null : t('environment.same');
}

function isOtherPython({ found, registered }: wire.RunEnvironment): boolean {
  return found !== null && registered !== null && python(found) !== python(registered);
}

const python = (of: { implementation: string; python_version: string }) =>
  `${of.implementation} ${of.python_version}`;

function Shown({ of }: { of: wire.RunEnvironment }) {
  const t = useText();
  const { found, registered, packages } = of;
  if (registered === null && found === null) return <Empty>{t('environment.none')}</Empty>;
  const differ = packages.filter((one) => one.differs);
  return (
    <>
      <div className="body">
        {found === null && <p className="soft small">{t('environment.unseen')}</p>}
        <Facts>
          <Fact name={t('environment.python')}>
            <Beside then={registered && python(registered)} now={found && python(found)} />
            {found && <div className="mono soft">{found.executable}</div>}
          </Fact>
          {found && <Fact name={t('environment.platform')}>{found.platform}</Fact>}
          {found && <Fact name={t('environment.how')}>{found.how}</Fact>}
          <Fact name={t('environment.packages')}>{words.count(found?.packages ?? packages.length)}</Fact>
          <Fact name={t('environment.fingerprint')}>
            <code>
              <Beside
                then={registered && registered.fingerprint.slice(0, 12)}
                now={found && found.fingerprint.slice(0, 12)}
              />
            </code>
          </Fact>
          {registered && <Asked of={registered} />}
        </Facts>
      </div>
      {differ.length > 0 && <Packages packages={differ} label={t('environment.differing')} />}
      {(found?.more_differences ?? 0) > 0 && (
        <p className="body warn-text">
          {t('environment.more', { count: words.count(found?.more_differences ?? 0) })}
        </p>
      )}
      {packages.length > differ.length && (
        <Opened summary={t('environment.all', { count: words.count(packages.length) })}>
          <Packages packages={packages} label={t('environment.every')} />
        </Opened>
      )}
      {registered?.start_script && (
        <Opened summary={t('environment.script')}>
          {/* What is scrolled is reached by the keyboard too. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre className="pp-code" tabIndex={0}>
            {registered.start_script}
          </pre>
        </Opened>
      )}
    </>
  );
}

/** What was asked for beside what was captured. */
function Asked({ of }: { of: wire.RegisteredEnvironment }) {
  const t = useText();
  const listed = [
    [t('environment.added'), of.requirements],
    [t('environment.variables'), of.variables],
    [t('environment.secrets'), of.secrets],
    [t('environment.directory'), of.working_directory === null ? [] : [of.working_directory]],
  ] as const;
  return listed
    .filter(([, items]) => items.length > 0)
    .map(([name, items]) => (
      <Fact key={name} name={name}>
        <code>{items.join(', ')}</code>
      </Fact>
    ));
}

/** The registered value and the run's: one where they are equal, or only one of them is known. */
function Beside({ then, now }: { then: string | null; now: string | null }) {
  if (then === null || now === null || then === now) return now ?? then;
  return (
    <>
      {then} → <b>{now}</b>
    </>
  );
}

function Packages({ packages, label }: { packages: wire.RunPackage[]; label: string }) {
  const t = useText();
  const absent = <span className="faint">{t('environment.absent')}</span>;
  return (
    <div
      className="pp-table-scroll packages"
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a list that is scrolled
      tabIndex={0}
      role="region"
      aria-label={label}
    >
      <table>
        <thead>
          <tr>
            <th>{t('environment.package')}</th>
            <th>{t('environment.registered')}</th>
            <th>{t('environment.run')}</th>
          </tr>
        </thead>
        <tbody>
          {packages.map((one) => (
            <tr key={one.name}>
              <td>
                <bdi>{one.name}</bdi>
              </td>
              <td>{one.registered ?? absent}</td>
              <td className={one.differs ? 'warn-text' : ''}>{one.found ?? absent}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What is drawn once somebody opens it. */
function Opened({ summary, children }: { summary: string; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="tasks" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {open && children}
    </details>
  );
}
