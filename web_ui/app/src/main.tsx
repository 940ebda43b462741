import '@prefect-platform/components/style/tokens.css';
import '@prefect-platform/components/style/base.css';
import '@prefect-platform/components/style/timeline.css';
import '@prefect-platform/components/style/charts.css';
import '@prefect-platform/components/style/json.css';
import '@prefect-platform/components/style/logs.css';
import './style/shell.css';
import './style/pages.css';
import { TransportProvider } from '@prefect-platform/components';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router';
import { queryClient } from './queries/client';
import { router } from './router';
import { transport } from './session';
import { Toasts } from './shell/toasts';
import { applyTheme } from './theme';

applyTheme();
const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element #root');
root.className = 'pp';
createRoot(root).render(
  <StrictMode>
    <TransportProvider transport={transport}>
      <QueryClientProvider client={queryClient}>
        <Toasts>
          <RouterProvider router={router} />
        </Toasts>
      </QueryClientProvider>
    </TransportProvider>
  </StrictMode>,
);
