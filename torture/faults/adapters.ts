import { migrate } from '../../src/db/migrate.js';
import { dropTableBefore, swapJobsTable } from '../world/swap-table.js';
import type { Fault } from './fault.js';
import { undo } from './undo.js';
import { waitBetween } from './wait.js';

/** Seconds until an operator learns that the table is another one, and does something about it. */
const NOTICED_S = { least: 0, most: 15 };

/** What owners do to their tables, and to what reads them, while everything works. */
export const adapters: readonly Fault[] = [
  {
    kind: "the jobs' table swapped for a copy, migrate some seconds later",
    weight: 1,
    group: 'schema',
    lastsS: 20,
    async inject({ admin, databaseUrl, facts }, random) {
      const back = facts.presence.took('the adapter');
      try {
        await swapJobsTable(admin);
        await waitBetween(random, NOTICED_S.least, NOTICED_S.most);
      } finally {
        await undo(() => migrate(databaseUrl, null));
        back();
      }
      await undo(() => dropTableBefore(admin));
      return 'jobs';
    },
  },
  {
    kind: 'the adapter installed again',
    weight: 1,
    group: 'schema',
    async inject({ databaseUrl }) {
      await undo(() => migrate(databaseUrl, 'reference'));
      return 'the contract';
    },
  },
];
