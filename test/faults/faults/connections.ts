import type { Ambush, PostgresProxy } from '../world/postgres-proxy.js';
import { inOpenTransaction } from '../world/open-transaction.js';
import type { World } from '../world/world.js';
import type { Random } from '../random.js';
import type { Fault } from './fault.js';
import { withService } from './services.js';
import { waitFor } from './wait.js';

/** Milliseconds that an ambush lies in wait. */
const AMBUSH_MS = 20_000;

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
    kind: 'connection: cut just after COMMIT, by a worker',
    weight: 6,
    inject: (world, random) =>
      withService(world.workers, random, async ({ proxy }) =>
        ambush(proxy, { when: 'committed', after: 'reaper.claim(' }),
      ),
  },
  {
    kind: 'connection: cut just after COMMIT, by a launcher or monitor',
    weight: 4,
    inject: (world, random) =>
      withService(world.launchers, random, async ({ proxy }) =>
        ambush(proxy, { when: 'committed', after: null }),
      ),
  },
  {
    kind: 'worker: SIGKILL between the COMMIT of a claim and its completion',
    weight: 4,
    inject: (world, random) =>
      withService(world.workers, random, async ({ service, proxy }) => {
        const sprung = await ambush(proxy, { when: 'committed', after: 'reaper.claim(' }, () =>
          service.signal('SIGKILL'),
        );
        if (sprung === null) return null;
        await service.kill();
        service.start();
        return sprung;
      }),
  },
];

/** Waits for a statement, and breaks its connection there. Null when none came. */
export async function ambush(
  proxy: PostgresProxy,
  where: Omit<Ambush, 'spring'>,
  then: () => void = () => undefined,
): Promise<true | null> {
  if (proxy.isAmbushed) return null;
  let isSprung = false;
  const callOff = proxy.lieInWait({
    ...where,
    spring: () => {
      isSprung = true;
      then();
    },
  });
  const sprung = await waitFor(() => (isSprung ? true : null), AMBUSH_MS);
  callOff();
  return sprung;
}

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
 * Statements are over before anybody could cut them: so a lock stops the first one that writes to a job's row, or waits for
 * it in a claim, and it is cut there.
 */
async function cutStatement(world: World, random: Random): Promise<string | null> {
  return inOpenTransaction(world.admin, async (lock) => {
    const { rowCount } = await lock.query(
      `select from jobs where status = 'running' order by random() limit 4 for no key update skip locked`,
    );
    if (rowCount === 0) return null;
    return waitFor(() => terminate(world, random, `wait_event_type = 'Lock'`), 6_000);
  });
}
