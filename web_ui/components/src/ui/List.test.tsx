import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ListCard, Table, type Column } from './List';

afterEach(cleanup);

const ASKED = { isPending: false, error: null, refetch: () => undefined };

function shown(query: { isPending?: boolean; error?: unknown; refetch?: () => void }, count: number) {
  render(
    <ListCard label="Things" query={{ ...ASKED, ...query }} count={count} none="no things">
      <p>the things</p>
    </ListCard>,
  );
  return {
    waits: screen.queryByRole('status') !== null,
    problem: screen.queryByRole('alert')?.textContent ?? null,
    none: screen.queryByText('no things') !== null,
    things: screen.queryByText('the things') !== null,
  };
}

describe('the frame of a list', () => {
  it.each([
    ['waits', { isPending: true }, 0, { waits: true, problem: null, none: false, things: false }],
    ['is empty', {}, 0, { waits: false, problem: null, none: true, things: false }],
    ['is there', {}, 2, { waits: false, problem: null, none: false, things: true }],
  ])('%s', (_, query, count, seen) => {
    expect(shown(query, count)).toEqual(seen);
  });

  it('does not say that there is nothing where nothing could be fetched', () => {
    const refetch = vi.fn();
    const seen = shown({ error: new Error('it is down'), refetch }, 0);
    expect(seen).toMatchObject({ none: false, things: false });
    expect(seen.problem).toContain('it is down');
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(refetch).toHaveBeenCalledOnce();
  });

  it('keeps what was fetched while a later call fails', () => {
    const seen = shown({ error: new Error('it is down') }, 2);
    expect(seen.things).toBe(true);
    expect(seen.problem).toContain('it is down');
  });
});

describe('a table', () => {
  const columns: Column<{ name: string; size: number }>[] = [
    { title: 'Name', sort: 'name', cell: (one) => one.name },
    { title: 'Size', as: 'number', cell: (one) => one.size },
    { title: 'Delete', as: 'buttons', cell: (one) => <button>Delete {one.name}</button> },
  ];
  const rows = [
    { name: 'a', size: 1 },
    { name: 'b', size: 2 },
  ];

  it('says its order, and asks for the other', () => {
    const onSort = vi.fn();
    const { rerender } = render(
      <Table rows={rows} id={(one) => one.name} columns={columns} sort="name" onSort={onSort} />,
    );
    const head = screen.getByRole('columnheader', { name: /Name/ });
    expect(head.getAttribute('aria-sort')).toBe('ascending');
    fireEvent.click(screen.getByRole('button', { name: /^Name/ }));
    expect(onSort).toHaveBeenLastCalledWith('-name');
    rerender(<Table rows={rows} id={(one) => one.name} columns={columns} sort="-name" onSort={onSort} />);
    expect(head.getAttribute('aria-sort')).toBe('descending');
    fireEvent.click(screen.getByRole('button', { name: /^Name/ }));
    expect(onSort).toHaveBeenLastCalledWith('name');
  });

  it('has a button for an order only where there is one', () => {
    render(<Table rows={rows} id={(one) => one.name} columns={columns} />);
    expect(screen.queryByRole('button', { name: /^Name/ })).toBeNull();
    expect(screen.getAllByRole('row')).toHaveLength(3);
    expect(screen.getByRole('columnheader', { name: 'Delete' })).toBeTruthy();
  });
});
