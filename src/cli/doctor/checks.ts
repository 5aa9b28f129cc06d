import { adapterCheck } from './adapter.js';
import { brakeCheck } from './brake.js';
import type { Check } from './check.js';
import { claimsCheck } from './claims.js';
import { clockHereCheck } from './clock-here.js';
import { clockTemporalCheck } from './clock-temporal.js';
import { crashBudgetCheck } from './crash-budget.js';
import { hostsCheck } from './hosts.js';
import { indexesCheck } from './indexes.js';
import { namespaceCheck } from './namespace.js';
import { notificationsCheck } from './notifications.js';
import { ownRescueCheck } from './own-rescue.js';
import { postgresCheck } from './postgres.js';
import { probesCheck } from './probes.js';
import { processesCheck } from './processes.js';
import { reaperCheck } from './reaper.js';
import { rightsCheck } from './rights.js';
import { rowsCheck } from './rows.js';
import { schemaCheck } from './schema.js';
import { searchAttributesCheck } from './search-attributes.js';
import { sessionCheck } from './session.js';
import { stampsCheck } from './stamps.js';
import { temporalCheck } from './temporal.js';
import { viewCheck } from './view.js';
import { workersCheck } from './workers.js';

/** All checks, in the order in which you would fix things. */
export const CHECKS: readonly Check[] = [
  postgresCheck,
  schemaCheck,
  sessionCheck,
  rightsCheck,
  viewCheck,
  rowsCheck,
  adapterCheck,
  indexesCheck,
  clockHereCheck,
  processesCheck,
  stampsCheck,
  workersCheck,
  ownRescueCheck,
  claimsCheck,
  crashBudgetCheck,
  notificationsCheck,
  hostsCheck,
  temporalCheck,
  namespaceCheck,
  searchAttributesCheck,
  reaperCheck,
  probesCheck,
  brakeCheck,
  clockTemporalCheck,
];
