import { data, useApi } from '@prefect-platform/components';
import { useQuery } from '@tanstack/react-query';

/** What a workload used over its life. While it runs it is asked for again: no stream tells of samples. */
export function useSamples(workloadId: string, open: boolean) {
  const api = useApi();
  return useQuery({
    queryKey: ['samples', workloadId],
    queryFn: ({ signal }) =>
      data(
        api.GET('/api/v1/workloads/{workload_id}/samples', {
          params: { path: { workload_id: workloadId }, query: { points: 300 } },
          signal,
        }),
      ),
    refetchInterval: open ? 10_000 : false,
  });
}
