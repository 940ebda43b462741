import { Button, Problem, useText } from '@prefect-platform/components';
import { MOST_BYTES } from '@prefect-platform/components/form';
import { useImperativeHandle, useRef, useState, type Ref } from 'react';

/** Pixels, as `recipe.css` has them. */
const LINE = 20;
const TOP = 12;
const HEIGHT = 460;

/** Leads to a line of the text. */
export interface Lines {
  go: (line: number) => void;
}

interface RecipeTextProps {
  text: string;
  /** Lines with something wrong. */
  marked: ReadonlySet<number>;
  describedBy: string;
  lines: Ref<Lines>;
  onText: (text: string) => void;
}

/** Where a recipe is written or pasted, with the numbers of its lines; a file may be dropped on it. */
export function RecipeText({ text, marked, describedBy, lines, onText }: RecipeTextProps) {
  const t = useText();
  const area = useRef<HTMLTextAreaElement>(null);
  const [scrolled, setScrolled] = useState(0);
  const [error, setError] = useState<Error | null>(null);
  useImperativeHandle(lines, () => ({
    go: (line) => {
      if (area.current !== null) select(area.current, line);
    },
  }));
  const take = async (file: File | undefined) => {
    if (file === undefined) return;
    try {
      onText(await textOf(file, t));
      setError(null);
    } catch (refused) {
      setError(refused as Error);
    }
  };
  return (
    <>
      {error !== null && <Problem error={error} />}
      <div className="recipe-text">
        <Numbers count={countLines(text)} scrolled={scrolled} marked={marked} />
        <textarea
          ref={area}
          aria-label={t('recipe.text')}
          aria-invalid={marked.size > 0}
          aria-describedby={describedBy}
          wrap="off"
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => onText(event.target.value)}
          onScroll={(event) => setScrolled(event.currentTarget.scrollTop)}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            if (event.dataTransfer.files.length === 0) return;
            event.preventDefault();
            void take(event.dataTransfer.files[0]);
          }}
        />
      </div>
      <FileButton onFile={(file) => void take(file)} />
    </>
  );
}

function FileButton({ onFile }: { onFile: (file: File | undefined) => void }) {
  const t = useText();
  const input = useRef<HTMLInputElement>(null);
  return (
    <div>
      <input
        ref={input}
        type="file"
        hidden
        accept=".yaml,.yml,.json"
        onChange={(event) => {
          onFile(event.target.files?.[0]);
          event.target.value = ''; // the same file again is a choice too
        }}
      />
      <Button onClick={() => input.current?.click()}>{t('recipe.choose')}</Button>
    </div>
  );
}

/** The numbers of the lines that are seen: of a text of thousands, some tens. */
function Numbers({
  count,
  scrolled,
  marked,
}: {
  count: number;
  scrolled: number;
  marked: ReadonlySet<number>;
}) {
  const first = Math.max(0, Math.floor((scrolled - TOP) / LINE));
  const shown = Math.min(count - first, Math.ceil(HEIGHT / LINE) + 1);
  return (
    <div className="numbers" aria-hidden="true">
      <div style={{ transform: `translateY(${TOP + first * LINE - scrolled}px)` }}>
        {Array.from({ length: shown }, (_, at) => (
          <div key={at} className={marked.has(first + at + 1) ? 'wrong' : undefined}>
            {first + at + 1}
          </div>
        ))}
      </div>
    </div>
  );
}

function select(area: HTMLTextAreaElement, line: number) {
  const before = area.value.split('\n').slice(0, line);
  const end = before.join('\n').length;
  area.focus();
  area.setSelectionRange(end - (before.at(-1)?.length ?? 0), end);
  area.scrollTop = Math.max(0, TOP + (line - 1) * LINE - HEIGHT / 3);
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** What a file says. Throws in words what it is instead of a recipe. */
export async function textOf(file: File, t: ReturnType<typeof useText>): Promise<string> {
  const { name } = file;
  if (file.size > MOST_BYTES) throw new Error(t('recipe.file.large', { name, kib: MOST_BYTES >> 10 }));
  let bytes: ArrayBuffer;
  try {
    bytes = await file.arrayBuffer();
  } catch (error) {
    throw new Error(t('recipe.file.read', { name, why: String(error) }), { cause: error });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replaceAll('\r\n', '\n');
  } catch (error) {
    throw new Error(t('recipe.file.text', { name }), { cause: error });
  }
}
