import { defineConfig } from 'vitest/config';

/** Compose brings its own servers. */
const isQuick = process.env['DEPLOY_CHECK_QUICK'] === 'true';

/** For `npm run deploy:check`, which starts what these tests need. */
export default defineConfig({
  test: {
    include: ['test/deploy/real/*.test.ts'],
    globalSetup: isQuick ? [] : ['test/support/global-setup.ts'],
    pool: 'forks',
    // Each of them keeps the whole machine busy.
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 600_000,
    teardownTimeout: 20_000,
  },
});
