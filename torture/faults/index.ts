import { adapters } from './adapters.js';
import { bursts } from './bursts.js';
import { clocks } from './clocks.js';
import { connectionLimits } from './connection-limits.js';
import { connections } from './connections.js';
import { failingClaims } from './failing-claims.js';
import type { Fault } from './fault.js';
import { gatesDatabase } from './gates-database.js';
import { goneHosts } from './gone-hosts.js';
import { jobsProcesses } from './jobs-processes.js';
import { lateWhileDeciding } from './late-while-deciding.js';
import { late } from './late.js';
import { locks } from './locks.js';
import { longStops } from './long-stops.js';
import { lostResults } from './lost-results.js';
import { operators } from './operators.js';
import { servers } from './servers.js';
import { services } from './services.js';
import { sessionDefaults } from './session-defaults.js';
import { silences } from './silences.js';
import { twins } from './twins.js';

/** Every kind of fault. */
export const FAULTS: readonly Fault[] = [
  ...jobsProcesses,
  ...bursts,
  ...services,
  ...longStops,
  ...servers,
  ...connections,
  ...silences,
  ...connectionLimits,
  ...locks,
  ...failingClaims,
  ...gatesDatabase,
  ...lostResults,
  ...late,
  ...lateWhileDeciding,
  ...twins,
  ...operators,
  ...goneHosts,
  ...clocks,
  ...sessionDefaults,
  ...adapters,
];
