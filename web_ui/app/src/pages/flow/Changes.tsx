import { Card, Empty, useText, type wire } from '@prefect-platform/components';
import { useState } from 'react';
import { useEnvironment, useVersionSource } from '../../queries/hooks';
import { sideBySide } from './diff';

/** Two versions beside each other: their code line by line, and what else differs. */
export function Changes({ versions }: { versions: wire.FlowVersion[] }) {
  const t = useText();
  const [chosen, setChosen] = useState<[string?, string?]>([]);
  const after = versions.find((one) => one.id === chosen[1]) ?? versions[0];
  const before = versions.find((one) => one.id === chosen[0]) ?? versions[1] ?? versions[0];
  if (!after || !before) return null;
  const choice = (at: 0 | 1, value: wire.FlowVersion) => (
    <select
      aria-label={t(at === 0 ? 'flow.with' : 'flow.compare')}
      value={value.id}
      onChange={(event) => {
        const id = event.target.value;
        setChosen(at === 0 ? [id, after.id] : [before.id, id]);
      }}
    >
      {versions.map((one) => (
        <option key={one.id} value={one.id}>
          {one.number}
        </option>
      ))}
    </select>
  );
  return (
    <Card
      title={after.id === before.id ? t('flow.code') : t('flow.changes')}
      actions={
        versions.length > 1 && (
          <span className="row small">
            {t('flow.compare')} {choice(1, after)} {t('flow.with')} {choice(0, before)}
          </span>
        )
      }
    >
      <Settings before={before} after={after} />
      <Code before={before} after={after} />
    </Card>
  );
}

/** Settings that differ, as JSON paths. */
function Settings({ before, after }: { before: wire.FlowVersion; after: wire.FlowVersion }) {
  const [old, now] = [
    useEnvironment(before.settings.environment).data,
    useEnvironment(after.settings.environment).data,
  ];
  const differences = [
    ...differing({ ...before.settings, environment: null }, { ...after.settings, environment: null }),
    ...(old && now ? differing(named(old.spec), named(now.spec), 'environment') : []),
  ];
  if (differences.length === 0) return null;
  return (
    <div className="pp-table-scroll">
      <table>
        <tbody>
          {differences.map(([path, old, now]) => (
            <tr key={path}>
              <td>
                <code>{path}</code>
              </td>
              <td className="soft">
                <code>{old}</code>
              </td>
              <td>
                <code>{now}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Code({ before, after }: { before: wire.FlowVersion; after: wire.FlowVersion }) {
  const t = useText();
  const old = useVersionSource(before.id);
  const now = useVersionSource(after.id);
  if (!old.data || !now.data) return null;
  const paths = [...new Set([...old.data, ...now.data].map((file) => file.path))].sort();
  const text = (files: wire.SourceFile[], path: string) =>
    files.find((file) => file.path === path)?.text ?? '';
  const changed = paths.filter((path) => text(old.data, path) !== text(now.data, path));
  const shown = before.id === after.id ? paths : changed;
  if (shown.length === 0) return <Empty>{t('flow.noChange')}</Empty>;
  const entry = after.code.entrypoint.split(':')[0];
  return shown.map((path) => (
    <File
      key={`${before.id}/${after.id}/${path}`}
      path={path}
      before={text(old.data, path)}
      after={text(now.data, path)}
      open={path === entry || (before.id !== after.id && shown.length <= MOST_OPEN)}
    />
  ));
}

/** Files that are open from the beginning: a project may have thousands. */
const MOST_OPEN = 5;

interface FileProps {
  path: string;
  before: string;
  after: string;
  open: boolean;
}

/** One file, in the document only while it is open. */
function File({ path, before, after, open }: FileProps) {
  const [shown, setShown] = useState(open);
  return (
    <details className="diff" open={shown} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary className="file">
        <code>{path}</code>
      </summary>
      {shown && (
        <table>
          <tbody>
            {sideBySide(before, after).map((row, at) => (
              <tr key={at}>
                <td className="no">{row.left?.number}</td>
                <td className={row.changed && row.left ? 'gone' : ''}>{row.left?.text}</td>
                <td className="no">{row.right?.number}</td>
                <td className={row.changed && row.right ? 'new' : ''}>{row.right?.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

/** An environment whose packages go by their names. */
function named(spec: wire.EnvironmentSpec): Record<string, unknown> {
  const packages = Object.fromEntries((spec.distributions ?? []).map((one) => [one.name, one.version]));
  return { ...spec, distributions: packages };
}

/** Every leaf that differs between two documents: its path, the old value, the new one. */
export function differing(before: unknown, after: unknown, path = ''): [string, string, string][] {
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) => differing(before[name], after[name], path ? `${path}.${name}` : name));
  }
  const [old, now] = [shown(before), shown(after)];
  return old === now ? [] : [[path, old, now]];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const shown = (value: unknown): string => (value == null ? '–' : JSON.stringify(value));
