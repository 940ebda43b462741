/** Everything about forms: its own entry, so that a page without one loads nothing of it. */
import '../style/form.css';

export type { Cluster, DaskSpec, Evidence, Kind, Resource, Spec, Wanted } from './model';
export { isRecipe, MOST_BYTES, readRecipes, type Reading, type Recipe } from './recipe/read';
export { useRecipeSchema } from './sources';
export { fieldName, fieldValue } from './words';
export { ResourceForm, type ResourceFormProps } from './ResourceForm';
export { ParametersForm, type ParametersFormProps } from './ParametersForm';
export { DaskPart, DaskSum } from './widgets/DaskPart';
export { GpuPicker } from './widgets/GpuPicker';
export { NumberedText, type Lines } from './widgets/NumberedText';
export { Schedule } from './widgets/Schedule';
export { SecretsPicker } from './widgets/SecretsPicker';
export { SizeCards } from './widgets/SizeCards';
