import type { World } from '../world/world.js';
import { LOGINS } from '../world/logins.js';
import type { Fault } from './fault.js';
import { undo } from './undo.js';
import { waitBetween } from './wait.js';

/** Defaults that change how dates, times and texts are read and written; each is one that some database in the world has. */
const DEFAULTS: Record<string, readonly string[]> = {
  DateStyle: ['German', 'SQL, DMY', 'Postgres, MDY'],
  IntervalStyle: ['sql_standard', 'postgres_verbose', 'iso_8601'],
  TimeZone: ['Asia/Tokyo', 'America/St_Johns', 'Pacific/Apia'],
};

const CHANGED_S = { least: 10, most: 40 };

/** Sessions that begin with other settings than the last ones did. */
export const sessionDefaults: readonly Fault[] = [
  {
    kind: 'DateStyle, IntervalStyle and TimeZone of database or login changed, sessions ended, and back',
    weight: 2,
    group: 'session defaults',
    lastsS: CHANGED_S.most,
    async inject(world, random) {
      const { admin } = world;
      const whose = random.pick([
        'database torture',
        ...Object.values(LOGINS).map((login) => `role ${login}`),
      ]);
      if (whose === undefined) return null;
      try {
        for (const [name, values] of Object.entries(DEFAULTS)) {
          await admin.query(`alter ${whose} set ${name} = '${random.pick(values)}'`);
        }
        await endSessions(world);
        await waitBetween(random, CHANGED_S.least, CHANGED_S.most);
      } finally {
        await undo(async () => {
          for (const name of Object.keys(DEFAULTS)) await admin.query(`alter ${whose} reset ${name}`);
        });
      }
      return whose;
    },
  },
];

/** Only sessions that begin see new defaults: ends half of those that are idle. */
async function endSessions({ admin }: World): Promise<void> {
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename like 'torture_%' and state = 'idle' and pid % 2 = 0`,
  );
}
