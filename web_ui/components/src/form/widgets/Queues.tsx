import { useText } from '../../host/i18n';
import type { Queue } from '../model';
import type { FieldProblem } from '../problems';
import { errorsAt, NumberInput, TextInput } from './parts';
import { Rows } from './Rows';

interface QueuesProps {
  value: readonly Queue[] | undefined;
  errors?: readonly FieldProblem[];
  onValue: (value: Queue[] | undefined) => void;
}

export function Queues({ value = [], errors = [], onValue }: QueuesProps) {
  const t = useText();
  return (
    <>
      {value.length === 0 && <span className="pp-hint">{t('form.queue.all')}</span>}
      <Rows<Queue>
        items={value}
        errors={errors}
        add={t('form.queue.add')}
        fresh={{ name: '' }}
        nameOf={(one) => one.name ?? ''}
        onItems={onValue}
      >
        {(one, set, wrong) => (
          <>
            <TextInput
              label={t('form.queue.name')}
              value={one.name ?? ''}
              errors={errorsAt(wrong, 'name')}
              onText={(name) => set({ name })}
            />
            <NumberInput
              label={t('form.queue.priority')}
              min={1}
              value={one.priority}
              errors={errorsAt(wrong, 'priority')}
              onValue={(priority) => set({ priority })}
            />
            <NumberInput
              label={t('form.queue.limit')}
              min={0}
              value={one.concurrency_limit}
              errors={errorsAt(wrong, 'concurrency_limit')}
              onValue={(limit) => set({ concurrency_limit: limit })}
            />
          </>
        )}
      </Rows>
    </>
  );
}
