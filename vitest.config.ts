import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['web_ui/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    restoreMocks: true,
    reporters: ['dot'],
  },
});
