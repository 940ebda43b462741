import { createContext, useContext, type ReactNode } from 'react';
import { en } from '../i18n/en';

export type Text = keyof typeof en;
export type Values = Record<string, string | number>;
/** A text of the catalogue; `{name}` in it is replaced by the value of that name. */
export type Translate = (text: Text, values?: Values) => string;

export function translate(text: Text, values: Values = {}): string {
  return fill(en[text], values);
}

export function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

const Context = createContext<Translate>(translate);

/** The seam of a host with catalogues of its own, such as JupyterLab; without one the English texts stand. */
export function I18nProvider({ t, children }: { t: Translate; children: ReactNode }) {
  return <Context.Provider value={t}>{children}</Context.Provider>;
}

export const useText = (): Translate => useContext(Context);
