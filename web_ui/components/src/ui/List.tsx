import type { ReactNode } from 'react';
import { Card, Empty, Problem, Skeleton, type CardProps } from './primitives';

/** As much of a query as a list shows of it. */
interface Asked {
  isPending: boolean;
  error: unknown;
  refetch: () => unknown;
}

interface ListCardProps extends CardProps {
  query: Asked;
  /** How many there are to show. */
  count: number;
  /** What stands there when there are none. */
  none: ReactNode;
  lines?: number;
}

/**
 * The frame of every list: it is being fetched, could not be, is empty, or is there. What was fetched once
 * stays while a later call fails, below the words of what went wrong.
 */
export function ListCard({ query, count, none, lines, children, ...card }: ListCardProps) {
  const failed = query.error !== null;
  return (
    <Card {...card}>
      {failed && (
        <div className="body">
          <Problem error={query.error} again={() => void query.refetch()} />
        </div>
      )}
      {query.isPending ? <Skeleton lines={lines} /> : count > 0 ? children : !failed && <Empty>{none}</Empty>}
    </Card>
  );
}

export interface Column<T> {
  title: string;
  cell: (one: T) => ReactNode;
  /** Numbers stand at the right, under each other; buttons do, below a title that is only heard. */
  as?: 'number' | 'buttons';
  className?: string;
  /** By what the list is ordered with this column, where it can be. */
  sort?: string;
}

interface TableProps<T> {
  rows: readonly T[];
  id: (one: T) => string;
  columns: readonly Column<T>[];
  /** The order that there is: a column's, with `-` before it from the last to the first. */
  sort?: string;
  onSort?: (sort: string) => void;
}

/** A table by its columns. Where it is wider than its place, it alone scrolls. */
export function Table<T>({ rows, id, columns, sort, onSort }: TableProps<T>) {
  return (
    <div className="pp-table-scroll">
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head key={column.title} column={column} sort={sort} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {columns.map((column) => (
                <td key={column.title} className={classOf(column)}>
                  {column.as === 'buttons' ? (
                    <span className="row end">{column.cell(row)}</span>
                  ) : (
                    column.cell(row)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function classOf({ as, className = '' }: Column<never>): string | undefined {
  const side = as === 'number' ? 'r num' : as === 'buttons' ? 'r' : '';
  return `${side} ${className}`.trim() || undefined;
}

interface HeadProps {
  column: Pick<Column<never>, 'title' | 'as' | 'sort'>;
  sort?: string;
  onSort?: (sort: string) => void;
}

function Head({ column: { title, as, sort: own }, sort, onSort }: HeadProps) {
  const side = as === 'number' ? 'r' : undefined;
  if (as === 'buttons')
    return (
      <th>
        <span className="unseen">{title}</span>
      </th>
    );
  if (own === undefined || !onSort) return <th className={side}>{title}</th>;
  const order = sort === own ? 'ascending' : sort === `-${own}` ? 'descending' : undefined;
  return (
    <th className={side} aria-sort={order}>
      <button onClick={() => onSort(order === 'ascending' ? `-${own}` : own)}>
        {title} {order === 'ascending' ? '↑' : order === 'descending' ? '↓' : ''}
      </button>
    </th>
  );
}
