/** Every text of the interface. One object for each part, so that a host can replace them by its own catalogue. */
import { app } from './en.app';
import { form } from './en.form';
import { logs } from './en.logs';
import { recipe } from './en.recipe';

export const en = { ...app, ...form, ...logs, ...recipe };
