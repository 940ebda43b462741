import '../../style/recipe.css';
import { Button, Card, Empty, Fact, Facts, Problem, Skeleton, useText } from '@prefect-platform/components';
import {
  fieldName,
  fieldValue,
  readRecipes,
  useRecipeSchema,
  type Lines,
  type Reading,
  type Recipe,
} from '@prefect-platform/components/form';
import { useDeferredValue, useId, useMemo, useRef, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { useResources } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { PageHead } from '../parts';
import type { RecipeState } from './recipe';
import { RecipeText } from './RecipeText';

const EXAMPLE = `kind: jupyter-server
name: analysis
spec:
  description: What the team looks at its data with
  size: small
  packages: [polars, altair]
  shutoff: 6h
`;
const MOST_SHOWN = 20;

/** A recipe, pasted or from a file, looked at as it is written; and then in the form of its kind. */
export function NewFromRecipe() {
  const t = useText();
  const found = useId();
  const lines = useRef<Lines>(null);
  const schema = useRecipeSchema();
  const { text: kept = '' } = (useLocation().state ?? {}) as RecipeState;
  const [text, setText] = useState(kept);
  const read = useDeferredValue(text);
  const reading = useMemo(() => schema.data && readRecipes(read, schema.data, t), [read, schema.data, t]);
  const marked = useMemo(() => new Set(reading?.faults.map((one) => one.line)), [reading]);
  return (
    <>
      <PageHead title={t('recipe.title')} />
      <div className="recipe-page">
        <Card
          title={t('recipe.card')}
          actions={
            text === '' && (
              <Button small onClick={() => setText(EXAMPLE)}>
                {t('recipe.example')}
              </Button>
            )
          }
        >
          <div className="body stack">
            <p className="small soft">{t('recipe.hint')}</p>
            <RecipeText {...{ text, marked, lines }} describedBy={found} onText={setText} />
          </div>
        </Card>
        <div id={found} className="stack" aria-live="polite">
          {schema.isError ? (
            <Problem error={schema.error} again={() => void schema.refetch()} />
          ) : (
            <Found text={text} reading={reading} onLine={(line) => lines.current?.go(line)} />
          )}
        </div>
      </div>
    </>
  );
}

interface FoundProps {
  text: string;
  reading: Reading | undefined;
  onLine: (line: number) => void;
}

function Found({ text, reading, onLine }: FoundProps) {
  const t = useText();
  if (reading === undefined || reading.recipes.length + reading.faults.length === 0)
    return (
      <Card title={t('recipe.found')}>
        {reading === undefined ? <Skeleton /> : <Empty>{t('recipe.nothing')}</Empty>}
      </Card>
    );
  return (
    <>
      {reading.wrong > 0 && <Faults reading={reading} onLine={onLine} />}
      {reading.recipes.map((one, at) => (
        <RecipeCard key={at} recipe={one} text={text} only={reading.recipes.length === 1} />
      ))}
    </>
  );
}

function Faults({ reading, onLine }: Omit<FoundProps, 'text' | 'reading'> & { reading: Reading }) {
  const t = useText();
  const shown = reading.faults.slice(0, MOST_SHOWN);
  const more = reading.wrong - shown.length;
  return (
    <Card title={t('recipe.wrong')}>
      <ul className="recipe-faults">
        {shown.map((one, at) => (
          <li key={at}>
            <button className="pp-link num" onClick={() => onLine(one.line)}>
              {t('recipe.line', { line: one.line })}
            </button>
            <span>
              {one.message}
              {one.field && <code>{one.field}</code>}
            </span>
          </li>
        ))}
        {more > 0 && <li className="soft">{t('recipe.more', { count: more })}</li>}
      </ul>
    </Card>
  );
}

function RecipeCard({ recipe, text, only }: { recipe: Recipe; text: string; only: boolean }) {
  const t = useText();
  const project = useProject();
  const navigate = useNavigate();
  const { kind, name, spec } = recipe;
  const there = useResources().data?.some((one) => one.kind === kind && one.name === name) ?? false;
  const go = async () => {
    const page = `/p/${project}/resources`;
    // Who comes back finds the text again.
    await navigate('.', { replace: true, state: { text } satisfies RecipeState });
    await navigate(there ? `${page}/${kind}/${name}/edit` : `${page}/new/${kind}`, {
      state: { recipe } satisfies RecipeState,
    });
  };
  return (
    <Card title={name} beside={kind}>
      <div className="body stack">
        {Object.keys(spec).length === 0 ? (
          <span className="small soft">{t('recipe.empty')}</span>
        ) : (
          <Facts>
            {Object.entries(spec).map(([field, value]) => (
              <Fact key={field} name={fieldName(field, t)}>
                <span className="recipe-value">{fieldValue(field, value, t)}</span>
              </Fact>
            ))}
          </Facts>
        )}
        {there && <span className="small soft">{t('recipe.there')}</span>}
        <div>
          <Button look={only ? 'primary' : 'plain'} onClick={() => void go()}>
            {t('recipe.form')}
          </Button>
        </div>
      </div>
    </Card>
  );
}
