import { configDefaults, defineConfig } from 'vitest/config';

const SHARED = {
  // The Temporal worker is native code that cannot be loaded twice into one process.
  pool: 'forks',
  testTimeout: 120_000,
  hookTimeout: 120_000,
} as const;

/** Each of them keeps a whole fleet of processes busy. */
const ALONE = [
  'test/e2e/demo.test.ts',
  'test/e2e/demo-killed.test.ts',
  'test/e2e/idle-cost.test.ts',
  'test/faults/torture.test.ts',
  'test/hosts/replaced.test.ts',
  'test/hosts/two-hosts.test.ts',
  'test/leases/torture.test.ts',
];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // A test that leaves something behind fails the run instead of hanging it.
    teardownTimeout: 20_000,
    projects: [
      {
        test: {
          ...SHARED,
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...ALONE],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...SHARED, name: 'alone', include: ALONE, maxWorkers: 1, sequence: { groupOrder: 2 } } },
    ],
  },
});
