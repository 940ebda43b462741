import type { EvidenceOf, Gpu, Kind, Secret, Size, Spec } from './model';
import type { FieldProblem } from './problems';

/** What every field of a resource's form can see and do. */
export interface FormContext {
  kind?: Kind;
  spec?: Spec;
  sizes?: readonly Size[];
  gpus?: readonly Gpu[];
  secrets?: readonly Secret[];
  evidence?: EvidenceOf;
  problems?: readonly FieldProblem[];
  /** Changes several fields at once; `undefined` takes one out. */
  set?: (part: Spec) => void;
}
