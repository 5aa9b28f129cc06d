import { configDefaults, defineConfig } from 'vitest/config';

const SHARED = {
  // The Temporal worker is native code that cannot be loaded twice into one process.
  pool: 'forks',
  testTimeout: 300_000,
  hookTimeout: 300_000,
} as const;

/** `npm run test:system`: tests that wait for real limits, outages and whole fleets, more than 20 s a file. */
const SYSTEM = [
  'test/adapters/*.test.ts',
  'test/cli/control.test.ts',
  'test/cli/doctor/*-side.test.ts',
  'test/cli/explain-process.test.ts',
  'test/cli/read.test.ts',
  'test/cli/up.test.ts',
  'test/clocks/*.test.ts',
  'test/db/migrate/encodings.test.ts',
  'test/db/pool.test.ts',
  'test/deploy/compose-by-hand.test.ts',
  'test/docs/operating.test.ts',
  'test/e2e/{gates-away,outages}.test.ts',
  'test/exposure/{connections,payload-codec,pgbouncer,secrets,temporal-permissions,temporal-settings}.test.ts',
  'torture/stopped-worker.test.ts',
  'test/gates/sql-end.test.ts',
  'test/input/{message-values,messages,rows}.test.ts',
  'test/package/pack.test.ts',
  'test/replay/deploy.test.ts',
  'test/sentinel/{sentinel,worker}.test.ts',
  'test/servers/*.test.ts',
  'test/upgrade/*.test.ts',
  'test/worker/{health,silence}.test.ts',
  'test/workflows/{continue-as-new-fire,crowds,gone,interleavings,odd-rows,operator,places,storm,watch-host}.test.ts',
];

/** Of these, each keeps a whole fleet of processes busy, so they run one after the other. */
const SYSTEM_ALONE = [
  'test/e2e/demo-killed.test.ts',
  'test/e2e/idle-cost.test.ts',
  'torture/torture.test.ts',
  'test/hosts/replaced.test.ts',
  'test/hosts/two-hosts.test.ts',
  'test/leases/torture.test.ts',
  'test/workflows/rack.test.ts',
];

/** `npm run adapters` runs these, too: what takes long on real queues. */
const ADAPTERS = ['test/adapters/more/*.test.ts'];

const DEMO = ['test/e2e/demo.test.ts'];

/** `npm run deploy:check`: they need what it starts. */
const DEPLOY = ['test/deploy/real/*.test.ts'];

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    // A test that leaves something behind fails the run instead of hanging it.
    teardownTimeout: 20_000,
    projects: [
      {
        test: {
          ...SHARED,
          name: 'quick',
          include: ['{test,torture}/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...SYSTEM, ...SYSTEM_ALONE, ...ADAPTERS, ...DEMO, ...DEPLOY],
          // Most of them wait most of the time.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      },
      { test: { ...SHARED, name: 'demo', include: DEMO, maxWorkers: 1, sequence: { groupOrder: 2 } } },
      { test: { ...SHARED, name: 'system', include: SYSTEM, maxWorkers: 3, sequence: { groupOrder: 3 } } },
      {
        test: {
          ...SHARED,
          name: 'system-alone',
          include: SYSTEM_ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 4 },
        },
      },
      {
        test: { ...SHARED, name: 'adapters', include: ADAPTERS, maxWorkers: 2, sequence: { groupOrder: 5 } },
      },
    ],
  },
});
