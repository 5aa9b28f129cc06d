import type { Fault } from './fault.js';
import { waitBetween, waitFor } from './wait.js';

const AWAY_S = { least: 5, most: 40 };
/** Milliseconds after which silent connections are broken, if nobody has given them up. */
const SILENT_MS = 60_000;
/** Milliseconds to wait until a gate is asked. */
const ASKED_MS = 20_000;

/** What happens to the database that sql gates ask: finished work must not be called unfinished. */
export const gatesDatabase: readonly Fault[] = [
  {
    kind: "gates' database: away",
    weight: 1.5,
    group: "gates' database",
    lastsS: AWAY_S.most,
    async inject({ toGates, facts }, random) {
      const back = facts.presence.took("the gates' database");
      try {
        await toGates.cut();
        await waitBetween(random, AWAY_S.least, AWAY_S.most);
      } finally {
        await toGates.restore();
        back();
      }
      return 'all who ask';
    },
  },
  {
    kind: "gates' database: silent while it is asked, new connections work",
    weight: 2,
    group: "gates' database",
    lastsS: 20,
    async inject({ toGates }) {
      // Each question has its own connection.
      const silent = await toGates.silenceNext('both ways', ASKED_MS);
      if (silent === null) return null;
      await waitFor(() => silent.areGivenUp() || null, SILENT_MS);
      silent.end();
      return `${silent.count} questions`;
    },
  },
];
