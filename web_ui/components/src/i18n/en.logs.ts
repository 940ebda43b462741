/** Texts of the log viewer. */
export const logs = {
  'logs.title': 'Log',
} as const;
