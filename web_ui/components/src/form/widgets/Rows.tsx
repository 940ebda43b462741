import type { ReactNode } from 'react';
import { Button } from '../../ui/primitives';
import { useFocusOfNew } from '../focus';
import type { FieldProblem } from '../problems';
import { Errors, errorsAt, Remove } from './parts';

interface RowsProps<Item> {
  items: readonly Item[];
  errors: readonly FieldProblem[];
  add: string;
  fresh: Item;
  /** What one is called where it is removed. */
  nameOf: (item: Item) => string;
  onItems: (items: Item[] | undefined) => void;
  children: (item: Item, set: (part: Partial<Item>) => void, errors: FieldProblem[]) => ReactNode;
}

/** A list of things with several fields each. */
export function Rows<Item extends object>({
  items,
  errors,
  add,
  fresh,
  nameOf,
  onItems,
  children,
}: RowsProps<Item>) {
  const change = (next: Item[]) => onItems(next.length === 0 ? undefined : next);
  const set = (at: number) => (part: Partial<Item>) =>
    change(items.map((one, index) => (index === at ? without({ ...one, ...part }) : one)));
  const [list, focusNew] = useFocusOfNew('.pp-item');
  const more = () => {
    focusNew();
    change([...items, fresh]);
  };
  return (
    <div ref={list} className="pp-group">
      {items.map((item, at) => (
        <div key={at} className="pp-item">
          <div className="fields">{children(item, set(at), below(errors, String(at)))}</div>
          <Remove what={nameOf(item)} onRemove={() => change(items.filter((_, index) => index !== at))} />
          <Errors errors={errorsAt(errors, String(at))} />
        </div>
      ))}
      <div>
        <Button small onClick={more}>
          {add}
        </Button>
      </div>
      <Errors errors={errorsAt(errors)} />
    </div>
  );
}

/** What is empty is not there. */
function without<Item extends object>(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as Item;
}

function below(errors: readonly FieldProblem[], step: string): FieldProblem[] {
  return errors
    .filter((one) => one.path[0] === step && one.path.length > 1)
    .map((one) => ({ ...one, path: one.path.slice(1) }));
}
