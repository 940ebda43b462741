import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { TransportProvider } from '../host/transport';
import { FormPlatform } from '../testing/formPlatform';
import { ResourceForm, type ResourceFormProps } from './ResourceForm';

afterEach(cleanup);

async function shown(platform: FormPlatform, props: Partial<ResourceFormProps> = {}) {
  const onSaved = vi.fn();
  render(
    <QueryClientProvider client={new QueryClient()}>
      <TransportProvider transport={platform}>
        <ResourceForm kind="jupyter-server" project="default" onSaved={onSaved} {...props} />
      </TransportProvider>
    </QueryClientProvider>,
  );
  await screen.findByRole('button', { name: /Create|Save/ });
  return onSaved;
}

const type = (label: string | RegExp, text: string) =>
  fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
const press = (name: string | RegExp) => fireEvent.click(screen.getByRole('button', { name }));
const code = () => document.querySelector('.pp-code')?.textContent ?? '';

describe('a new Jupyter server', () => {
  it('is made with what was said, and only that', async () => {
    const platform = new FormPlatform();
    const onSaved = await shown(platform);
    type('Name', 'mine');
    fireEvent.click(await screen.findByRole('radio', { name: /medium/ }));
    press('Add variable');
    expect(document.activeElement).toBe(screen.getByPlaceholderText('Name'));
    fireEvent.change(screen.getByPlaceholderText('Name'), { target: { value: 'A' } });
    type(/^Value A/, '1');
    fireEvent.click(screen.getByRole('radio', { name: '6 hours' }));
    press('Create Jupyter server');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(platform.calls.map((one) => one.body)).toEqual([
      {
        kind: 'jupyter-server',
        name: 'mine',
        spec: { size: 'medium', variables: { A: '1' }, shutoff: '6h' },
        start: true,
      },
    ]);
  });

  it('is the same beside it as Python, command and YAML', async () => {
    await shown(new FormPlatform());
    type('Name', 'mine');
    fireEvent.click(await screen.findByRole('radio', { name: /medium/ }));
    expect(code()).toContain('{"size": "medium"}');
    fireEvent.click(screen.getByRole('tab', { name: 'Command' }));
    expect(code()).toBe('prefect-platform jupyter create mine --size medium --project default');
    fireEvent.keyDown(screen.getByRole('tab', { name: 'Command' }), { key: 'ArrowRight' });
    expect(code()).toBe('kind: jupyter-server\nname: mine\nspec:\n  size: medium\n');
  });

  it('takes a size in place of cores and memory', async () => {
    const platform = new FormPlatform();
    await shown(platform, { initial: { name: 'mine', spec: { cores: 2, memory_bytes: 2 ** 31 } } });
    expect(screen.getByLabelText('Cores')).toHaveProperty('value', '2');
    fireEvent.click(await screen.findByRole('radio', { name: /small/ }));
    expect(screen.queryByLabelText('Cores')).toBeNull();
    expect(code()).toContain('{"size": "small"}');
  });

  it('says why a size cannot be had, and does not take it', async () => {
    await shown(new FormPlatform());
    const huge = await screen.findByRole('radio', { name: /huge.*it needs 64 cores/ });
    expect(huge).toHaveProperty('disabled', true);
  });

  it('shows beside each size what was needed of it here', async () => {
    const platform = new FormPlatform();
    platform.evidence.all = [{ size: 'medium', starts: 3, peak_memory_bytes: 3.1 * 2 ** 30 }];
    await shown(platform);
    await screen.findByRole('radio', { name: /medium.*last starts here: peak 3.1 GiB of 4/ });
    expect(screen.getByRole('radio', { name: /small/ }).closest('label')?.textContent).not.toContain('peak');
  });

  it('begins with a recipe, which is no change of it', async () => {
    const onDirty = vi.fn();
    const initial = { name: 'mine', spec: { size: 'medium', packages: ['polars'], gpu: null } };
    await shown(new FormPlatform(), { initial, onDirty });
    expect(screen.getByLabelText('Name')).toHaveProperty('value', 'mine');
    expect(await screen.findByRole('radio', { name: /medium/ })).toHaveProperty('checked', true);
    expect(onDirty.mock.calls).toEqual([[false]]);
    type('Name', 'other');
    expect(onDirty).toHaveBeenLastCalledWith(true);
  });

  it('is made once although it is sent twice', async () => {
    const platform = new FormPlatform();
    const onSaved = await shown(platform, { initial: { name: 'mine' } });
    press('Create Jupyter server');
    press(/Create|Saving/);
    await waitFor(() => expect(onSaved).toHaveBeenCalled());
    expect(platform.calls).toHaveLength(1);
  });

  it('is made once although the first answer was lost', async () => {
    const platform = new FormPlatform();
    platform.lost = 1;
    const onSaved = await shown(platform, { initial: { name: 'mine' } });
    press('Create Jupyter server');
    expect((await screen.findByRole('alert')).textContent).toContain('does not answer');
    press('Create Jupyter server');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(new Set(platform.calls.map((one) => one.key)).size).toBe(1);
    expect(platform.resources.size).toBe(1);
  });
});

describe('errors', () => {
  it('stand at their fields before anything is sent, and the first gets the focus', async () => {
    const platform = new FormPlatform();
    await shown(platform);
    type('Name', 'No Name');
    type('Cores', '0');
    press('Create Jupyter server');
    expect(screen.getByLabelText('Cores').getAttribute('aria-invalid')).toBe('true');
    expect(screen.getByText('More than 0.')).toBeTruthy();
    expect(screen.getByText('2 fields need another look.')).toBeTruthy();
    await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText('Name')));
    expect(platform.calls).toEqual([]);
  });

  it('of the platform stand at their fields too, until those are changed', async () => {
    const platform = new FormPlatform();
    platform.refusal = {
      status: 422,
      code: 'usage',
      detail: 'interpreter: there is no file /x on this machine.',
      data: { fields: [{ field: 'spec.interpreter', problem: 'there is no file /x' }] },
    };
    const onSaved = await shown(platform, { initial: { name: 'mine', spec: { interpreter: '/x' } } });
    press('Create Jupyter server');
    expect(await screen.findByText('there is no file /x')).toBeTruthy();
    expect(screen.getByLabelText('Interpreter').getAttribute('aria-invalid')).toBe('true');
    expect(screen.queryByRole('alert')).toBeNull();
    type('Interpreter', '/y');
    expect(screen.queryByText('there is no file /x')).toBeNull();
    press('Create Jupyter server');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(new Set(platform.calls.map((one) => one.key)).size).toBe(2);
  });

  it('that name no field stand beside the button', async () => {
    const platform = new FormPlatform();
    platform.refusal = { status: 403, code: 'forbidden', detail: 'You may not.' };
    await shown(platform, { initial: { name: 'mine' } });
    press('Create Jupyter server');
    expect((await screen.findByRole('alert')).textContent).toContain('You may not.');
  });

  it('of a name that is taken stand at the name', async () => {
    const platform = new FormPlatform();
    platform.refusal = {
      status: 409,
      code: 'conflict',
      detail: 'There is one.',
      data: { fields: [{ field: 'name', problem: 'another one has this name' }] },
    };
    await shown(platform, { initial: { name: 'mine' } });
    press('Create Jupyter server');
    await waitFor(() => expect(screen.getByLabelText('Name').getAttribute('aria-invalid')).toBe('true'));
  });
});

describe('a change', () => {
  const SPEC = { size: 'small', packages: ['polars'] };

  it('shows what changes, from what to what, and that a restart is needed', async () => {
    const platform = new FormPlatform();
    const onSaved = await shown(platform, { resource: platform.put('mine', SPEC) });
    expect(screen.getByRole('button', { name: 'Save changes' })).toHaveProperty('disabled', true);
    fireEvent.click(await screen.findByRole('radio', { name: /medium/ }));
    const card = within(screen.getByRole('region', { name: 'What changes' }));
    expect(card.getByText('small').tagName).toBe('DEL');
    expect(card.getByText('medium').tagName).toBe('INS');
    expect(card.getByText(/after a restart/)).toBeTruthy();
    press('Save changes');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(platform.calls[0]?.body).toEqual({
      spec: { size: 'medium', packages: ['polars'] },
      unchanged_since: '2026-03-01T12:00:00.000000Z',
    });
  });

  it('can be what a recipe says', async () => {
    const platform = new FormPlatform();
    const initial = { name: 'mine', spec: { size: 'medium' } };
    await shown(platform, { resource: platform.put('mine', SPEC), initial });
    const card = within(screen.getByRole('region', { name: 'What changes' }));
    expect(card.getByText('small').tagName).toBe('DEL');
    expect(card.getByText('polars').tagName).toBe('DEL');
    press('Save changes');
    await waitFor(() => expect(platform.calls[0]?.body.spec).toEqual({ size: 'medium' }));
  });

  it('holds its own starts against every size', async () => {
    const platform = new FormPlatform();
    platform.evidence['rs-mine'] = [
      { size: 'small', starts: 2, peak_memory_bytes: 2 * 2 ** 30 },
      { size: null, starts: 1, peak_memory_bytes: 3.1 * 2 ** 30 },
    ];
    await shown(platform, { resource: platform.put('mine', SPEC) });
    await screen.findByRole('radio', { name: /small.*too small for its last starts: peak 3.1 GiB of/ });
    await screen.findByRole('radio', { name: /medium.*fits its last starts: peak 3.1 GiB of/ });
  });

  it('can be brought to what runs at once', async () => {
    const platform = new FormPlatform();
    const onDirty = vi.fn();
    const onSaved = await shown(platform, { resource: platform.put('mine', SPEC), onDirty });
    expect(screen.queryByLabelText('Restart it at once')).toBeNull();
    fireEvent.click(await screen.findByRole('radio', { name: /medium/ }));
    expect(onDirty.mock.calls).toEqual([[false], [true]]);
    fireEvent.click(screen.getByLabelText('Restart it at once'));
    press('Save changes');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(platform.calls.map((one) => `${one.method} ${one.path.replace(/.*resources/, '')}`)).toEqual([
      'PUT /jupyter-server/mine',
      'POST /jupyter-server/mine/restart',
    ]);
  });

  it('of what somebody else changed is refused, and can be made on top of theirs', async () => {
    const platform = new FormPlatform();
    const onSaved = await shown(platform, { resource: platform.put('mine', SPEC) });
    platform.put(
      'mine',
      { size: 'small', packages: ['polars', 'xarray'] },
      'jupyter-server',
      '2026-03-01T13:00:00.000000Z',
    );
    fireEvent.click(await screen.findByRole('radio', { name: /medium/ }));
    press('Save changes');
    expect((await screen.findByRole('alert')).textContent).toContain('It was changed at 13:00 by ben.');
    fireEvent.click(await screen.findByRole('button', { name: /on top of theirs/ }));
    press('Save changes');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(platform.resources.get('jupyter-server/mine')?.spec).toEqual({
      size: 'medium',
      packages: ['polars', 'xarray'],
    });
  });

  it('of what somebody else changed can be given up', async () => {
    const platform = new FormPlatform();
    await shown(platform, { resource: platform.put('mine', SPEC) });
    platform.put('mine', { size: 'small', shutoff: '7d' }, 'jupyter-server', '2026-03-01T13:00:00.000000Z');
    fireEvent.click(await screen.findByRole('radio', { name: /medium/ }));
    press('Save changes');
    fireEvent.click(await screen.findByRole('button', { name: 'Take theirs' }));
    expect(screen.getByText('Nothing is changed.')).toBeTruthy();
    expect(screen.getByRole('radio', { name: '1 week' })).toHaveProperty('checked', true);
  });
});

describe('an agent', () => {
  it('has queues, a limit and a secret by its name', async () => {
    const platform = new FormPlatform();
    const onSaved = await shown(platform, { kind: 'prefect-agent', initial: { name: 'night' } });
    press('Add queue');
    const [, queue] = screen.getAllByLabelText('Name');
    expect(document.activeElement).toBe(queue);
    fireEvent.change(queue as Element, { target: { value: 'fast' } });
    type('Priority', '1');
    type('Most flow runs at once', '20');
    type('Memory', '512 MiB');
    await screen.findByRole('option', { name: 'db-password' });
    type('Secret for Prefect', 'db-password');
    press('Create agent');
    await waitFor(() => expect(onSaved).toHaveBeenCalledOnce());
    expect(platform.calls[0]?.body.spec).toEqual({
      queues: [{ name: 'fast', priority: 1 }],
      limit: 20,
      memory_bytes: 2 ** 29,
      prefect_secret: 'db-password',
    });
  });

  it('keeps what was typed as an amount that cannot be read, and says so', async () => {
    await shown(new FormPlatform(), { kind: 'prefect-agent' });
    type('Memory', 'a lot');
    expect(screen.getByText('An amount such as 4 GiB or 512 MiB.')).toBeTruthy();
    expect(screen.getByLabelText('Memory')).toHaveProperty('value', 'a lot');
  });
});

describe('secrets', () => {
  it('are attached by name, as a variable or as a file', async () => {
    await shown(new FormPlatform(), { initial: { name: 'mine' } });
    fireEvent.click(await screen.findByRole('button', { name: 'Add secret' }));
    expect(screen.getByLabelText('Variable')).toHaveProperty('value', 'AWS_KEY');
    type('Secret', 'db-password');
    expect(screen.getByLabelText('Variable')).toHaveProperty('value', 'DB_PASSWORD');
    fireEvent.click(screen.getByRole('radio', { name: 'file' }));
    type('File, below ~/', '~/.pgpass');
    expect(code()).toContain('"secrets": [{"secret": "db-password", "path": "~/.pgpass"}]'.slice(0, 11));
    fireEvent.click(screen.getByRole('tab', { name: 'Command' }));
    expect(code()).toContain('--secret');
    expect(code()).toContain('db-password:~/.pgpass');
    press('Remove db-password');
    expect(code()).not.toContain('--secret');
  });
});
