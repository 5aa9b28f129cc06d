import { hostname } from 'node:os';

/** Settings of a launcher and its monitors. */
export interface LauncherSettings {
  databaseUrl: string;
  /** Exactly REAPER_HOST on this machine. */
  host: string;
  /** Jobs at a time. */
  concurrency: number;
  /** The agents whose jobs to take; null for all. */
  agents: string[] | null;
  /** Seconds between two checks of an empty queue. */
  pollS: number;
  /** Seconds that a monitor is busy (pushing, commenting) between recording the exit code and finalizing. */
  finalizeS: number;
  /** The folder of merge leases, the same as the reaper's MERGE_LEASE_DIR. Without it, no leases are used. */
  leaseFolder: string | undefined;
  /** Repos in which a merge needs a lease. */
  leaseRepos: string[];
  /** The pipeline file of REAPER_PIPELINE: launcher and reaper need the same stages. */
  pipelinePath: string | undefined;
  /** The database that sql gates query, the same as the reaper's REAPER_GATE_DATABASE_URL. */
  gateDatabaseUrl: string | undefined;
}

/** Reads the settings from the environment. */
export function readLauncherSettings(env: NodeJS.ProcessEnv = process.env): LauncherSettings {
  const databaseUrl = env['DATABASE_URL'];
  if (!databaseUrl)
    throw new Error("Expected DATABASE_URL to be the URL of the queue's database, got nothing: set it");
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
