import { hostname } from 'node:os';

/** What a launcher and its monitors go by. */
export interface LauncherSettings {
  databaseUrl: string;
  /** Exactly what REAPER_HOST says on this machine. */
  host: string;
  /** Jobs at a time. */
  concurrency: number;
  /** Whose jobs to take; null for all. */
  agents: string[] | null;
  /** Seconds between two looks at an empty queue. */
  pollS: number;
  /** Seconds that a monitor is busy (it pushes, it comments) between recording the exit code and finalizing. */
  finalizeS: number;
  /** Where merge leases are kept, as MERGE_LEASE_DIR says to the reaper; without it nobody takes one. */
  leaseFolder: string | undefined;
  /** Repos that are merged into under a lease. */
  leaseRepos: string[];
  /** The file that REAPER_PIPELINE names: launcher and reaper go by the same stages. */
  pipelinePath: string | undefined;
  /** Where sql gates ask, as REAPER_GATE_DATABASE_URL says to the reaper. */
  gateDatabaseUrl: string | undefined;
}

/** Reads the settings from the environment. */
export function readLauncherSettings(env: NodeJS.ProcessEnv = process.env): LauncherSettings {
  const databaseUrl = env['DATABASE_URL'];
  if (!databaseUrl) throw new Error('Expected DATABASE_URL to name the database of the queue, got nothing');
  return {
    databaseUrl,
    host: env['LAUNCHER_HOST'] ?? hostname(),
    concurrency: readNumber(env, 'LAUNCHER_CONCURRENCY', 4),
    agents: env['LAUNCHER_AGENTS']?.split(',') ?? null,
    pollS: readNumber(env, 'LAUNCHER_POLL_S', 0.25),
    finalizeS: readNumber(env, 'LAUNCHER_FINALIZE_S', 0),
    leaseFolder: env['MERGE_LEASE_DIR'],
    leaseRepos: env['MERGE_GATE_REPOS']?.split(',') ?? [],
    pipelinePath: env['REAPER_PIPELINE'],
    gateDatabaseUrl: env['REAPER_GATE_DATABASE_URL'],
  };
}

function readNumber(env: NodeJS.ProcessEnv, name: string, byDefault: number): number {
  const text = env[name];
  if (text === undefined || text === '') return byDefault;
  const value = Number(text);
  if (value >= 0) return value;
  throw new Error(`Expected ${name} to be a number of at least 0, got "${text}"`);
}
