import { HOSTS } from '../world/create-services.js';
import { inOpenTransaction } from '../world/open-transaction.js';
import type { World } from '../world/world.js';
import type { Fault } from './fault.js';
import { openRuns, killAgent, send } from './victims.js';
import { waitBetween } from './wait.js';

/** Rows that a forgotten transaction locks: only a part, so that the other runs have something to wait for. */
const LOCKED = 5;
const LOCKED_S = { least: 60, most: 150 };
/** Longer than a claim, and than all claims of a pool one after the other, would wait. */
const POOL_FULL_S = { least: 20, most: 40 };

/** Locks on jobs' rows that are not released. */
export const locks: readonly Fault[] = [
  {
    kind: 'rows locked for minutes by a forgotten transaction, half of their runs killed',
    weight: 1,
    group: 'locks',
    lastsS: LOCKED_S.most,
    inject: (world, random) =>
      lockRows(
        world,
        `select run_id from public.jobs where status = 'running' order by random() limit ${LOCKED} for update skip locked`,
        [],
        async (runIds) => {
          killRuns(world, runIds.slice(0, Math.ceil(runIds.length / 2)));
          await waitBetween(random, LOCKED_S.least, LOCKED_S.most);
        },
      ),
  },
  {
    kind: 'pool full: all rows of a host locked, its agents and monitors killed',
    weight: 1,
    group: 'locks',
    lastsS: POOL_FULL_S.most,
    inject(world, random) {
      const host = random.pick(Object.values(HOSTS)) ?? HOSTS.north;
      return lockRows(
        world,
        `select run_id from public.jobs where status = 'running' and host = $1 for no key update skip locked`,
        [host],
        async (runIds) => {
          killRuns(world, runIds);
          await waitBetween(random, POOL_FULL_S.least, POOL_FULL_S.most);
        },
      );
    },
  },
];

/** @param sql selects and locks rows; its column `run_id` names their runs */
async function lockRows(
  { admin, facts }: World,
  sql: string,
  values: readonly string[],
  work: (runIds: string[]) => Promise<void>,
): Promise<string | null> {
  return inOpenTransaction(admin, async (lock) => {
    await lock.query('set local idle_in_transaction_session_timeout = 0');
    const { rows } = await lock.query<{ run_id: string }>(sql, [...values]);
    if (rows.length === 0) return null;
    const runIds = rows.map(({ run_id }) => run_id);
    const unlocked = facts.hindrances.began(runIds, 'its row is locked');
    try {
      await work(runIds);
    } finally {
      unlocked();
    }
    return `${runIds.length} rows`;
  });
}

function killRuns(world: World, runIds: readonly string[]): void {
  for (const victim of openRuns(world)) {
    if (!runIds.includes(victim.runId)) continue;
    send(victim.monitor, 'SIGKILL');
    killAgent(world, victim);
  }
}
