import { setTimeout } from 'node:timers/promises';
import type { Connection } from '../../src/db/database.js';
import { recordExit } from '../../demo/launcher/record-exit.js';
import type { TakenRun } from '../../demo/launcher/taken-run.js';
import type { Random } from '../random.js';
import { inOpenTransaction } from '../world/open-transaction.js';
import type { World } from '../world/world.js';
import { conclude, exitCodeOf } from './conclude.js';
import type { Fault } from './fault.js';
import { readTakenRun } from './read-taken-run.js';
import { killAgent, pickVictim, send, type Victim } from './victims.js';
import { waitFor } from './wait.js';

/** Milliseconds that a claim is waited for: the streak, or the grace, and what a busy machine adds to it. */
const CLAIM_LIMIT_MS = 60_000;
/** Milliseconds until the other statement surely waits too. */
const IN_LINE_MS = 150;

/**
 * What comes late, between the last probe and the claim: the run's processes are killed, its row is locked, and when the
 * reaper's claim waits for it, this happens.
 */
export const late: readonly Fault[] = [
  {
    kind: 'late finalizer, right before the claim',
    weight: 6,
    inject: (world, random) =>
      beforeClaim(world, random, {
        meanwhile: (run) => void conclude(world, run, false).catch(() => undefined),
      }),
  },
  {
    kind: 'late finalizer, right behind the claim',
    weight: 6,
    inject: (world, random) =>
      beforeClaim(world, random, {
        async whenItWaits(run) {
          void conclude(world, run, false).catch(() => undefined);
          await setTimeout(IN_LINE_MS);
        },
      }),
  },
  {
    kind: 'late exit code, right before the claim',
    weight: 6,
    inject: (world, random) =>
      beforeClaim(world, random, {
        whenItWaits: async ({ runId }, lock) => {
          await lock.query(
            'update public.agent_runs set exit_code = $2, finished_at = reaper.now() where id = $1',
            [runId, exitCodeOf(world, runId)],
          );
        },
      }),
  },
  {
    kind: 'late exit code, right behind the claim',
    weight: 6,
    inject: (world, random) =>
      beforeClaim(world, random, {
        async whenItWaits(run) {
          void recordExit(world.launcher, run, exitCodeOf(world, run.runId)).catch(() => undefined);
          await setTimeout(IN_LINE_MS);
        },
      }),
  },
  {
    kind: 'late stamp, right before the claim',
    weight: 6,
    inject: (world, random) =>
      beforeClaim(world, random, {
        // Of another process that is dead, too.
        whenItWaits: async ({ jobId }, lock, { monitor }) => {
          await lock.query('update public.jobs set pid = $2, process_identity = $3 where id = $1', [
            jobId,
            monitor?.pid,
            monitor?.processIdentity,
          ]);
        },
      }),
  },
  {
    kind: 'late finalizer, at a random moment',
    weight: 4,
    async inject(world, random) {
      const victim = pickVictim(world, random, 'both');
      if (victim === null) return null;
      send(victim.monitor, 'SIGKILL');
      killAgent(world, victim);
      const run = await readTakenRun(world.admin, victim);
      if (run === null) return null;
      await setTimeout(random.between(0, 8_000));
      await conclude(world, run, true);
      return `job ${victim.jobId}`;
    },
  },
];

/** What happens around a claim. */
interface Around {
  /** While the row is locked and no claim waits yet. */
  meanwhile?: (run: TakenRun) => void;
  whenItWaits?: (run: TakenRun, lock: Connection, victim: Victim) => Promise<void>;
}

async function beforeClaim(
  world: World,
  random: Random,
  { meanwhile, whenItWaits }: Around,
): Promise<string | null> {
  const victim = pickVictim(world, random, 'both');
  if (victim === null) return null;
  send(victim.monitor, 'SIGKILL');
  killAgent(world, victim);
  return inOpenTransaction(world.admin, async (lock) => {
    const { rows } = await lock.query<{ pid: number }>(
      `select pg_backend_pid() as pid from public.jobs where id = $1 and run_id = $2 and status = 'running' for no key update`,
      [victim.jobId, victim.runId],
    );
    const run = rows[0] && (await readTakenRun(world.admin, victim));
    if (rows[0] === undefined || !run) return null;
    const unlocked = world.facts.hindrances.began([victim.runId], 'its row is locked');
    try {
      meanwhile?.(run);
      const { pid } = rows[0];
      if ((await waitFor(() => findClaimBehind(world, pid), CLAIM_LIMIT_MS)) === null) return null;
      await whenItWaits?.(run, lock, victim);
      await lock.query('commit');
    } finally {
      unlocked();
    }
    return `job ${victim.jobId}`;
  });
}

/** Claims that wait for a lock of this backend, directly or behind another session. */
export async function findClaimBehind({ admin }: World, pid: number, claims = 1): Promise<true | null> {
  const { rowCount } = await admin.query(
    `with recursive behind(pid) as (
       select $1::int
        union
       select a.pid from pg_stat_activity a join behind b on b.pid = any (pg_blocking_pids(a.pid))
        where a.wait_event_type = 'Lock'
     )
     select from behind join pg_stat_activity using (pid) where query like '%reaper.claim(%'`,
    [pid],
  );
  return (rowCount ?? 0) < claims ? null : true;
}
