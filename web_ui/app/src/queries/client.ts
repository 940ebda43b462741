import { PlatformProblem } from '@prefect-platform/components';
import { QueryClient } from '@tanstack/react-query';

const MOST_RETRIES = 3;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays one, however often it is asked; silence and faults pass.
      retry: (failed, error) =>
        !(error instanceof PlatformProblem && error.status >= 400 && error.status < 500) &&
        failed < MOST_RETRIES,
      refetchOnWindowFocus: true,
    },
  },
});
