import { useRef } from 'react';
import { Field } from './parts';

interface ScriptProps {
  label: string;
  hint?: string;
  placeholder?: string;
  value: string | undefined;
  errors?: readonly string[];
  onValue: (value: string | undefined) => void;
}

/** A text of lines with their numbers. Tab leaves it, as everywhere. */
export function Script({ label, hint, placeholder, value = '', errors, onValue }: ScriptProps) {
  const gutter = useRef<HTMLDivElement>(null);
  const count = value.split('\n').length;
  return (
    <Field label={label} hint={hint} errors={errors}>
      {(ids) => (
        <div className="pp-script">
          <div ref={gutter} className="gutter num" aria-hidden="true">
            {Array.from({ length: count }, (_, at) => (
              <span key={at}>{at + 1}</span>
            ))}
          </div>
          <textarea
            {...ids}
            wrap="off"
            spellCheck={false}
            autoComplete="off"
            rows={Math.min(20, Math.max(3, count + 1))}
            placeholder={placeholder}
            value={value}
            onScroll={(event) => {
              if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
            }}
            onChange={(event) => onValue(event.target.value === '' ? undefined : event.target.value)}
          />
        </div>
      )}
    </Field>
  );
}
