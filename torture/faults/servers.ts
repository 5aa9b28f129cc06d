import type { Fault } from './fault.js';
import { waitBetween } from './wait.js';

const group = 'servers';

/** A server did not come back: a world without it proves nothing. */
export class NotBackError extends Error {
  override name = 'NotBackError';
}

async function restart(server: { restart(): Promise<void> }): Promise<void> {
  try {
    await server.restart();
  } catch (cause) {
    throw new NotBackError(String(cause), { cause });
  }
}

/** What happens to Temporal and Postgres. */
export const servers: readonly Fault[] = [
  {
    kind: 'Temporal: SIGKILL, started again',
    weight: 0.5,
    group,
    async inject({ temporal }, random) {
      const node = temporal.nodes.length > 1 && random.chance(0.5) ? random.pick(temporal.nodes) : undefined;
      await (node ?? temporal).kill();
      await waitBetween(random, 0, 8);
      await restart(node ?? temporal);
      return node === undefined ? 'Temporal' : 'one process of Temporal';
    },
  },
  {
    kind: 'Temporal: SIGKILL, database wiped, started again',
    weight: 0.5,
    group,
    async inject({ temporal }, random) {
      await temporal.kill();
      await temporal.wipe();
      await waitBetween(random, 0, 8);
      await restart(temporal);
      return 'Temporal, and all it knew';
    },
  },
  {
    kind: 'Postgres: SIGKILL, started again',
    weight: 0.5,
    group,
    async inject({ postgres }, random) {
      await postgres.kill();
      await waitBetween(random, 0, 8);
      await restart(postgres);
      return 'Postgres';
    },
  },
  {
    kind: 'Postgres backend: SIGKILL, all sessions lost, crash recovery',
    weight: 0.5,
    group,
    async inject({ admin }, random) {
      const { rows } = await admin.query<{ pid: number; application: string }>(
        `select pid, application_name as application from pg_stat_activity
          where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
          order by pid`,
      );
      const backend = random.pick(rows);
      if (backend === undefined) return null;
      process.kill(backend.pid, 'SIGKILL');
      return `the backend of ${backend.application}`;
    },
  },
];
