import { stringify } from 'yaml';
import type { Wanted } from '../model';

/** The recipe. Written for YAML 1.1, which `resource apply` reads: `yes` and `1:30` are quoted. */
export function recipe({ kind, name, spec }: Wanted): string {
  const document = { kind, name, spec };
  return stringify(document, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
}
