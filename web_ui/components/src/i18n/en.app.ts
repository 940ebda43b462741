/** Texts that every page shares. */
export const app = {
  again: 'Try again',
  cancel: 'Cancel',
  copied: 'Copied',
  copy: 'Copy',
  loading: 'Loading',
  'confirm.type': 'Type {name} to confirm',
} as const;
