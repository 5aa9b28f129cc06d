import type { Part } from '../facts/presence-facts.js';
import { HOSTS } from '../world/create-services.js';
import { LOGINS } from '../world/logins.js';
import type { Fault } from './fault.js';
import { undo } from './undo.js';
import { waitBetween } from './wait.js';

const LIMITED_S = { least: 5, most: 20 };

/** What repairs miss meanwhile. */
const MISSED_AS: Record<string, Part> = {
  [LOGINS.reaper]: 'Postgres',
  [LOGINS.probe]: `probe of ${HOSTS.south}`,
};

/** A server that has no connection left. */
export const connectionLimits: readonly Fault[] = [
  {
    kind: 'Postgres: no connection left for a login, and half of its sessions ended',
    weight: 1.5,
    lastsS: LIMITED_S.most,
    async inject({ admin, facts }, random) {
      const login = random.pick(Object.values(LOGINS));
      if (login === undefined) return null;
      const part = MISSED_AS[login];
      const back = part && facts.presence.took(part);
      try {
        await admin.query(`alter role ${login} connection limit 0`);
        await admin.query(
          'select pg_terminate_backend(pid) from pg_stat_activity where usename = $1 and pid % 2 = 0',
          [login],
        );
        await waitBetween(random, LIMITED_S.least, LIMITED_S.most);
      } finally {
        await undo(() => admin.query(`alter role ${login} connection limit -1`));
        back?.();
      }
      return login;
    },
  },
];
