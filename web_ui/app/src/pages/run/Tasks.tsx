import { Badge, Card, Lasted, toneOf, useText, words, type wire } from '@prefect-platform/components';
import { useTaskRuns } from '../../queries/hooks';

const COLUMN = 132;
const ROW = 26;
const MOST_DRAWN = 400;

/** The task runs of a run: a graph of what waited for what, and each with its state and time. */
export function Tasks({ run, open }: { run: wire.RunDetail; open: boolean }) {
  const t = useText();
  const found = useTaskRuns(run.id, open);
  const tasks = found.data?.items ?? [];
  if (tasks.length === 0) return null;
  return (
    <Card
      title={t('run.tasks')}
      beside={
        found.data?.truncated
          ? t('run.tasksFirst', { count: words.count(tasks.length) })
          : words.count(tasks.length)
      }
    >
      <Graph tasks={tasks.slice(0, MOST_DRAWN)} />
      <details className="tasks">
        <summary>{t('run.tasksList')}</summary>
        <div className="pp-table-scroll">
          <table>
            <tbody>
              {tasks.slice(0, MOST_DRAWN).map((one) => (
                <tr key={one.id}>
                  <td>
                    <Badge tone={toneOf(one.state_type)}>{one.state_name.toLowerCase()}</Badge>
                  </td>
                  <td>{one.name}</td>
                  <td className="r">
                    <Lasted from={one.started_at} to={one.ended_at} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </Card>
  );
}

/** Columns by how far a task is from those that wait for nothing. */
function Graph({ tasks }: { tasks: wire.TaskRun[] }) {
  const t = useText();
  const places = layout(tasks);
  const columns = Math.max(...[...places.values()].map((one) => one.column)) + 1;
  const rows = Math.max(...[...places.values()].map((one) => one.row)) + 1;
  if (columns === 1 && rows > 1 && tasks.length > 24) return null; // nothing to see: no task waited for another
  return (
    <div className="graph" role="img" aria-label={t('run.tasksGraph', { count: tasks.length })}>
      <svg width={columns * COLUMN + 8} height={rows * ROW + 8}>
        {tasks.flatMap((task) =>
          task.upstream.map((from) => {
            const [a, b] = [places.get(from), places.get(task.id)];
            if (!a || !b) return null;
            const [x1, y1] = [a.column * COLUMN + COLUMN - 20, a.row * ROW + 15];
            const [x2, y2] = [b.column * COLUMN + 4, b.row * ROW + 15];
            const middle = (x1 + x2) / 2;
            return (
              <path
                key={`${from}${task.id}`}
                d={`M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}
              />
            );
          }),
        )}
        {tasks.map((task) => {
          const at = places.get(task.id);
          if (!at) return null;
          return (
            <g key={task.id} transform={`translate(${at.column * COLUMN + 4} ${at.row * ROW + 5})`}>
              <title>{`${task.name}: ${task.state_name} ${words.duration(words.seconds(task.started_at, task.ended_at))}`}</title>
              <rect className={toneOf(task.state_type)} width={COLUMN - 24} height={20} rx={4} />
              <text x={8} y={14}>
                {task.name.length > 16 ? `${task.name.slice(0, 15)}…` : task.name}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}

interface Place {
  column: number;
  row: number;
}

/** Each task one column behind the last that it waited for; in a column from the top, in order. */
export function layout(tasks: Pick<wire.TaskRun, 'id' | 'upstream'>[]): Map<string, Place> {
  const byId = new Map(tasks.map((one) => [one.id, one]));
  const columns = new Map<string, number>();
  const columnOf = (id: string, seen: Set<string>): number => {
    const known = columns.get(id);
    if (known !== undefined) return known;
    if (seen.has(id)) return 0; // Prefect has no cycles; what claims to have one is still drawn
    seen.add(id);
    const before = (byId.get(id)?.upstream ?? []).filter((one) => byId.has(one));
    const column = before.length ? Math.max(...before.map((one) => columnOf(one, seen))) + 1 : 0;
    columns.set(id, column);
    return column;
  };
  const filled: number[] = [];
  return new Map(
    tasks.map((one) => {
      const column = columnOf(one.id, new Set());
      const row = filled[column] ?? 0;
      filled[column] = row + 1;
      return [one.id, { column, row }];
    }),
  );
}
