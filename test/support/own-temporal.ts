import { inject } from 'vitest';
import { startTemporal, temporalKind, type TemporalServer } from '../../servers/index.js';

/** Options of {@link startOwnTemporal}. */
export interface OwnTemporalOptions {
  readonly port: number;
  readonly uiPort: number;
  /** Where its state outlives it. */
  readonly dbFile?: string;
}

/** The Temporal server of one test, which may be killed: of the kind that all tests use, but always one process. */
export function startOwnTemporal(options: OwnTemporalOptions): Promise<TemporalServer> {
  const kind = temporalKind(process.env) === 'dev' ? 'dev' : 'server';
  const env = { ...process.env, TEMPORAL_ADDRESS: undefined, REAPER_TEST_TEMPORAL: kind };
  return startTemporal({ log: () => undefined, env, stateUrl: inject('adminUrl'), ...options });
}
