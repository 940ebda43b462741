/** Texts of the resource form. */
export const form = {
  'form.title': 'Form',
} as const;
