import { clocks } from './clocks.js';
import { connections } from './connections.js';
import type { Fault } from './fault.js';
import { jobsProcesses } from './jobs-processes.js';
import { late } from './late.js';
import { lateWhileDeciding } from './late-while-deciding.js';
import { longStops } from './long-stops.js';
import { lostResults } from './lost-results.js';
import { operators } from './operators.js';
import { servers } from './servers.js';
import { services } from './services.js';
import { twins } from './twins.js';

/** Every kind of fault. */
export const FAULTS: readonly Fault[] = [
  ...jobsProcesses,
  ...services,
  ...servers,
  ...connections,
  ...lostResults,
  ...late,
  ...lateWhileDeciding,
  ...longStops,
  ...twins,
  ...operators,
  ...clocks,
];
