import { Button, Problem, useText } from '@prefect-platform/components';
import { MOST_BYTES, NumberedText, type Lines } from '@prefect-platform/components/form';
import { useRef, useState, type Ref } from 'react';

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
  const [error, setError] = useState<Error | null>(null);
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
      <NumberedText
        ref={lines}
        aria-label={t('recipe.text')}
        aria-invalid={marked.size > 0}
        aria-describedby={describedBy}
        least={14}
        marked={marked}
        value={text}
        onChange={(event) => onText(event.target.value)}
        onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          if (event.dataTransfer.files.length === 0) return;
          event.preventDefault();
          void take(event.dataTransfer.files[0]);
        }}
      />
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

/** What a file says. Throws in words what it is instead of a recipe. */
async function textOf(file: File, t: ReturnType<typeof useText>): Promise<string> {
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
