import { inOpenTransaction } from '../world/open-transaction.js';
import type { World } from '../world/world.js';
import type { Random } from '../random.js';
import { ambush } from './ambush.js';
import type { Fault } from './fault.js';
import { withService } from './services.js';
import { waitFor } from './wait.js';

/** What happens to single connections to Postgres. */
export const connections: readonly Fault[] = [
  {
    kind: 'connection: cut between statements',
    weight: 8,
    inject: (world, random) => terminate(world, random, `state <> 'active'`),
  },
  {
    kind: 'connection: cut in the middle of a statement',
    weight: 12,
    inject: (world, random) => cutStatement(world, random),
  },
  {
    kind: 'connection: cut just after COMMIT, by a launcher or monitor',
    weight: 4,
    inject: (world, random) =>
      withService(world.launchers, random, async ({ proxy }) =>
        ambush(proxy, { when: 'committed', after: null }),
      ),
  },
];

/** Cuts a connection of the processes under test. */
async function terminate({ admin }: World, random: Random, condition: string): Promise<string | null> {
  const { rows } = await admin.query<{ pid: number; application: string }>(
    `select pid, application_name as application from pg_stat_activity
      where datname = current_database() and usename like 'torture_%' and ${condition} order by pid`,
  );
  const session = random.pick(rows);
  if (session === undefined) return null;
  await admin.query('select pg_terminate_backend($1)', [session.pid]);
  return session.application;
}

/**
 * Statements end before they could be cut. So a lock stops the first one that writes to a job's row, or waits for it in a claim,
 * and it is cut there.
 */
async function cutStatement(world: World, random: Random): Promise<string | null> {
  return inOpenTransaction(world.admin, async (lock) => {
    const { rows } = await lock.query<{ run_id: string }>(
      `select run_id from public.jobs where status = 'running' order by random() limit 4 for no key update skip locked`,
    );
    if (rows.length === 0) return null;
    const unlocked = world.facts.hindrances.began(
      rows.map(({ run_id }) => run_id),
      'its row is locked',
    );
    try {
      return await waitFor(() => terminate(world, random, `wait_event_type = 'Lock'`), 6_000);
    } finally {
      unlocked();
    }
  });
}
