import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ParametersForm, type ParametersFormProps } from './ParametersForm';
import type { Schema } from './schema';

afterEach(cleanup);

const SCHEMA = {
  title: 'Parameters',
  type: 'object',
  properties: {
    day: { title: 'day', position: 0, type: 'string', format: 'date', description: 'Which day to load.' },
    limit: { title: 'limit', position: 1, anyOf: [{ type: 'integer' }, { type: 'null' }], default: 10 },
    dry: { title: 'dry', position: 2, type: 'boolean', default: false },
    mode: { title: 'mode', position: 3, enum: ['fast', 'full'], type: 'string', default: 'fast' },
    files: { title: 'files', position: 4, type: 'array', items: { type: 'string' }, default: ['a.csv'] },
    conf: {
      anyOf: [{ $ref: '#/definitions/Conf' }, { type: 'null' }],
      default: null,
      position: 5,
      title: 'conf',
    },
    table: {
      title: 'table',
      position: 7,
      type: 'object',
      additionalProperties: { type: 'number' },
      default: {},
    },
    either: { anyOf: [{ type: 'integer' }, { type: 'string' }], default: 3, position: 6, title: 'either' },
  },
  required: ['day'],
  definitions: {
    Conf: {
      type: 'object',
      title: 'Conf',
      required: ['name'],
      properties: {
        name: { type: 'string', title: 'Name' },
        ratio: { type: 'number', title: 'Ratio', maximum: 1 },
      },
    },
  },
} as unknown as Schema;

function shown(props: Partial<ParametersFormProps> = {}) {
  const onRun = vi.fn();
  render(<ParametersForm schema={SCHEMA} onRun={onRun} {...props} />);
  return onRun;
}

const type = (label: string | RegExp, text: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
const run = () => fireEvent.click(screen.getByRole('button', { name: 'Run now' }));

describe('parameters', () => {
  it('are sent where they are not as they would be anyway', () => {
    const onRun = shown({ defaults: { limit: 5 } });
    expect(screen.getByLabelText('Limit')).toHaveProperty('value', '5');
    type(/^Day/, '2026-03-01');
    fireEvent.click(screen.getByLabelText('Dry'));
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({ day: '2026-03-01', dry: true });
  });

  it('that are needed are asked for', async () => {
    const onRun = shown();
    expect(screen.queryByText('It is needed.')).toBeNull();
    run();
    expect(onRun).not.toHaveBeenCalled();
    expect(screen.getByLabelText(/^Day/).getAttribute('aria-invalid')).toBe('true');
    await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText(/^Day/)));
  });

  it('that are emptied are None where they may be', () => {
    const onRun = shown({ defaults: { day: '2026-03-01' } });
    type('Limit', '');
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({ limit: null });
  });

  it('may be objects and lists', () => {
    const onRun = shown({ defaults: { day: '2026-03-01' } });
    type(/^Name/, 'x');
    type('Ratio', '2');
    run();
    expect(onRun).not.toHaveBeenCalled();
    expect(screen.getByText('At most 1.')).toBeTruthy();
    type('Ratio', '0.5');
    fireEvent.click(screen.getByRole('button', { name: 'Remove Item 1' }));
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({ conf: { name: 'x', ratio: 0.5 }, files: [] });
  });

  it('may be names with numbers', () => {
    const onRun = shown({ defaults: { day: '2026-03-01' } });
    fireEvent.click(screen.getByRole('button', { name: 'Add entry' }));
    fireEvent.change(screen.getByPlaceholderText('Name'), { target: { value: 'rows' } });
    type('Value rows', 'x');
    expect(screen.getByText('A number.')).toBeTruthy();
    type('Value rows', '1.');
    type('Value rows', '1.50');
    expect(screen.getByLabelText('Value rows')).toHaveProperty('value', '1.50');
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({ table: { rows: 1.5 } });
  });

  it('may be moments, in the zone of who types them', () => {
    const at = { title: 'at', type: 'string', format: 'date-time' };
    const onRun = shown({ schema: { type: 'object', properties: { at } } as Schema });
    type('At', '2026-03-01T09:30');
    run();
    const sent = (onRun.mock.calls[0]?.[0] as { at: string }).at;
    expect(new Date(sent).getTime()).toBe(new Date('2026-03-01T09:30').getTime());
    expect(sent).toMatch(/Z$/);
    expect(screen.getByLabelText('At')).toHaveProperty('value', '2026-03-01T09:30');
  });

  it('of several kinds are edited as JSON', () => {
    const onRun = shown({ defaults: { day: '2026-03-01' } });
    type('Either', '"a');
    expect(screen.getByText(/This is no JSON/)).toBeTruthy();
    type('Either', '"all"');
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({ either: 'all' });
  });

  it('can all be edited as JSON, and back', () => {
    const onRun = shown({ defaults: { day: '2026-03-01' } });
    fireEvent.click(screen.getByRole('radio', { name: 'JSON' }));
    const box = screen.getByLabelText('Value as JSON');
    expect(JSON.parse((box as HTMLTextAreaElement).value)).toMatchObject({ day: '2026-03-01', limit: 10 });
    type('Value as JSON', '{"day": 1}');
    run();
    expect(onRun).not.toHaveBeenCalled();
    expect(screen.getByText('day: A text.')).toBeTruthy();
    type('Value as JSON', '{"day": "2026-03-02", "limit": 7}');
    fireEvent.click(screen.getByRole('radio', { name: 'Form' }));
    expect(screen.getByLabelText('Limit')).toHaveProperty('value', '7');
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({ day: '2026-03-02', limit: 7 });
  });

  it('may be none', () => {
    const onRun = shown({ schema: { type: 'object', properties: {} } });
    expect(screen.getByText('This flow takes no parameters.')).toBeTruthy();
    run();
    expect(onRun).toHaveBeenCalledExactlyOnceWith({});
  });
});
