import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  Parser,
  type CST,
  type Document,
  type ParsedNode,
} from 'yaml';
import type { Text } from '../../host/i18n';

/** Levels of lists and names in each other; the platform takes as many of a request. */
const DEEPEST = 100;

/** What is wrong at a character of a text. */
export interface Flaw {
  offset: number;
  text: Text;
  told?: Record<string, string>;
}

export interface Parsed {
  documents: Document.Parsed[];
  flaws: Flaw[];
  lines: LineCounter;
}

/**
 * YAML as `resource apply` reads it: version 1.1, plain data alone, no alias, and no key twice. Without bound
 * the library would follow levels until the browser's stack is full, and compare each key with every other:
 * both are looked at here instead.
 */
export function parsed(text: string): Parsed {
  const lines = new LineCounter();
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  const deep = tooDeep(tokens);
  if (deep !== null) return { documents: [], flaws: [{ offset: deep, text: 'recipe.deep' }], lines };
  const composer = new Composer({ version: '1.1', uniqueKeys: false, prettyErrors: false });
  const documents = [...composer.compose(tokens)].filter((one) => one.contents !== null || one.errors.length);
  return { documents, flaws: documents.flatMap(flawsOf), lines };
}

/** Where a text goes deeper than any recipe does. Without recursion: a text may be nothing but brackets. */
function tooDeep(tokens: readonly CST.Token[]): number | null {
  const waiting = tokens.map((token) => ({ token, level: 0 }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, level } = next;
    if (level > DEEPEST) return 'offset' in token ? token.offset : 0;
    for (const inner of within(token)) waiting.push({ token: inner, level: level + 1 });
  }
  return null;
}

function within(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value ? [token.value] : [];
  if (!('items' in token)) return [];
  return token.items.flatMap((item) => [item.key, item.value].filter((one): one is CST.Token => one != null));
}

/** The first fault of the YAML alone: those after it mostly come of it. */
function flawsOf(document: Document.Parsed): Flaw[] {
  const [first] = document.errors;
  if (first === undefined) return [...unplain(document.contents)];
  return [{ offset: first.pos[0], text: 'recipe.yaml', told: { why: first.message } }];
}

const PLAIN = new Set(['!!str', '!!int', '!!float', '!!bool', '!!null', '!!map', '!!seq']);
const tagOf = (node: ParsedNode) => node.tag?.replace('tag:yaml.org,2002:', '!!');

/** Whatever no JSON could hold, and keys that are there twice. */
function* unplain(node: ParsedNode | null): Generator<Flaw> {
  if (node === null) return;
  const offset = node.range[0];
  const tag = tagOf(node);
  if (isAlias(node)) yield { offset, text: 'recipe.alias' };
  else if (tag && !PLAIN.has(tag)) yield { offset, text: 'recipe.tag', told: { tag } };
  else if (isScalar(node)) {
    if (node.value instanceof Date) yield { offset, text: 'recipe.date' };
    else if (typeof node.value === 'number' && !Number.isFinite(node.value))
      yield { offset, text: 'recipe.number' };
  } else if (isSeq(node)) for (const item of node.items) yield* unplain(item);
  else if (isMap(node)) {
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const name = String(key);
      if (seen.has(name)) yield { offset: key.range[0], text: 'recipe.twice', told: { key: name } };
      seen.add(name);
      yield* unplain(key);
      yield* unplain(value);
    }
  }
}

/** Where a place of the data stands: at its name or item, or at what is around it. */
export function offsetOf(node: ParsedNode | null, path: readonly string[]): number {
  let offset = node?.range[0] ?? 0;
  let here: ParsedNode | null = node;
  for (const step of path) {
    if (isMap<ParsedNode, ParsedNode | null>(here)) {
      const pair = here.items.find(({ key }) => String(key) === step);
      if (pair === undefined) return offset;
      offset = pair.key.range[0];
      here = pair.value;
    } else if (isSeq<ParsedNode>(here)) {
      const item: ParsedNode | undefined = here.items[Number(step)];
      if (item === undefined) return offset;
      offset = item.range[0];
      here = item;
    } else return offset;
  }
  return offset;
}
