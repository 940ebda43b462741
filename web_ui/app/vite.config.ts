import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Relative addresses everywhere: the server puts `<base href>` into index.html, so any base path works. */
export default defineConfig({
  base: './',
  logLevel: 'warn',
  plugins: [react()],
  build: {
    outDir: '../../prefect_platform/server/app/web/dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
    reportCompressedSize: false,
  },
});
