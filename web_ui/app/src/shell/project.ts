import { useParams } from 'react-router';

/** The project that the address names. Every page stands below one. */
export function useProject(): string {
  const { project } = useParams();
  if (project === undefined) throw new Error('this page stands outside of a project');
  return project;
}

const KEY = 'pp-project';

/** The project that was looked at last. */
export function lastProject(): string | null {
  return localStorage.getItem(KEY);
}

export function rememberProject(project: string): void {
  localStorage.setItem(KEY, project);
}
