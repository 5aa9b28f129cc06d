import { defineConfig } from 'vitest/config';

/** For `npm run deploy:check`, which starts what these tests need. */
export default defineConfig({
  test: {
    include: ['test/deploy/real/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Each of them keeps the whole machine busy.
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    teardownTimeout: 20_000,
  },
});
