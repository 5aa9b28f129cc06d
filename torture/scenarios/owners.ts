import { setTimeout } from 'node:timers/promises';
import { migrate } from '../../src/db/migrate.js';
import { swapJobsTable } from '../world/swap-table.js';
import { begin, claimOf, endOf, killBoth } from './scene.js';
import type { Scenario } from './scenario.js';

/** What owners do to their database while everything works. */
export const owners: readonly Scenario[] = [
  {
    name: 'a swapped table',
    about:
      "the jobs' table is swapped for a copy while one run ends by itself and another dies; then it is migrated",
    terms: { ceilingS: 600 },
    async play(world) {
      const ending = await begin(world, { id: 'passing-1', host: 'north', maxAttempts: 1 });
      const dying = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 3 });
      const back = world.facts.presence.took('the adapter');
      await swapJobsTable(world.admin);
      killBoth(world, dying);
      await endOf(world, ending);
      // In the old table it looks like a run whose monitor never finalized.
      await setTimeout((world.terms.graceS + 5 * world.terms.intervalS) * 1000);
      await migrate(world.databaseUrl, null);
      back();
      await claimOf(world, dying);
    },
  },
  {
    name: 'the adapter installed again',
    about: 'the adapter is installed again and again while a run dies',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      killBoth(world, victim);
      for (let n = 0; n < 4; n += 1) {
        await migrate(world.databaseUrl, 'reference');
        await setTimeout(1_000);
      }
      await claimOf(world, victim);
    },
  },
  {
    name: 'other session defaults',
    about:
      'DateStyle, IntervalStyle and TimeZone of the database are changed, and all clients reconnect; then a run dies',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      await world.admin.query(`
        alter database torture set DateStyle = 'German';
        alter database torture set IntervalStyle = 'sql_standard';
        alter database torture set TimeZone = 'Asia/Tokyo';
        select pg_terminate_backend(pid) from pg_stat_activity where usename like 'torture_%'`);
      // Alive for some sweeps: a start that is misread makes it hours old.
      await setTimeout(5 * world.terms.intervalS * 1000);
      killBoth(world, victim);
      await claimOf(world, victim);
    },
  },
];
