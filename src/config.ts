import { hostname } from 'node:os';
import { z } from 'zod';
import { DEFAULT_BATCH_ABOVE, DEFAULT_POLICY, type PublishedPolicy } from './domain/types.js';
import { didYouMean, nearestTo } from './domain/did-you-mean.js';
import { shown } from './domain/wording.js';
import { isRepoName, REPO_NAME_RULE } from './leases/names.js';
import { isServiceLink } from './service-links.js';
import {
  adminAddress,
  count,
  databaseUrl,
  decimal,
  flag,
  repos,
  seconds,
  SSL_MODES,
  webUrl,
} from './setting-values.js';

/** Over 4 hours at the default interval, so beyond the default ceiling: with more, a dead pid would never be reaped as one. */
const MAX_DEAD_TICKS = 1000;

/** Every setting, by the name of its environment variable. Seconds end in `_S`. */
export const settingsSchema = z.object({
  /** Kill switch: if false, nothing is claimed. */
  REAPER_ENABLED: flag.default(DEFAULT_POLICY.enabled),
  /** Kill switch for reclaiming leases, independent of REAPER_ENABLED. */
  LEASE_RECLAIM_ENABLED: flag.default(DEFAULT_POLICY.leaseReclaim),
  /** Seconds between sweeps. */
  REAPER_INTERVAL_S: decimal(seconds(0.1)).default(DEFAULT_POLICY.intervalS),
  /**
   * The minimum of seconds between two dead observations that count, at most REAPER_INTERVAL_S; for a run younger than an interval always an
   * interval. If not set, the adapter decides: an interval if a monitor records exit codes, else 2. A shorter one is your word that monitors
   * record an exit code sooner than that.
   */
  REAPER_CONFIRM_S: decimal(seconds(0.1)).optional(),
  /** Consecutive dead observations before a pid counts as dead. */
  REAPER_DEAD_TICKS: decimal(count(1).max(MAX_DEAD_TICKS, `expected at most ${MAX_DEAD_TICKS}`)).default(
    DEFAULT_POLICY.deadTicks,
  ),
  /** Seconds that a monitor has to finalize a run after it recorded the exit code. Less than REAPER_MAX_RUNNING_S. */
  REAPER_FINALIZE_GRACE_S: decimal(seconds(0)).default(DEFAULT_POLICY.finalizeGraceS),
  /** Ceiling of a run's age in seconds, unless the run has its own. */
  REAPER_MAX_RUNNING_S: decimal(seconds(1).int('expected whole seconds')).default(DEFAULT_POLICY.maxRunningS),
  /** What happens to a run over its ceiling that is proven alive. */
  REAPER_BACKSTOP_ALIVE: z
    .enum(['alert', 'reap'], { error: 'expected alert or reap' })
    .default(DEFAULT_POLICY.backstopAlive),
  /** If the process of a run that was reaped as dead is found alive: stop all reaping until `job-reaper activate`. */
  REAPER_BRAKE: flag.default(DEFAULT_POLICY.brake),
  /**
   * How often a job may die by its own process: deaths by a reboot or a declaration do not count. At the next death it fails, if no other job
   * ran in its process, else it is requeued and you are notified (`crash budget`). If not set, attempts alone decide.
   */
  REAPER_MAX_CRASHES: decimal(count(1)).optional(),
  /**
   * What happens to a run over its ceiling that may or may not be alive. If not set, the adapter decides: `alert` if its
   * `reaper.has_exit_codes()` is false, else `reap`.
   */
  REAPER_BACKSTOP_UNKNOWN: z.enum(['alert', 'reap'], { error: 'expected alert or reap' }).optional(),
  /** Up to this many running jobs, each has a watch; above that, only runs with a symptom. At most REAPER_MAX_WATCHES. */
  REAPER_WATCH_ALL_LIMIT: decimal(count(0)).default(DEFAULT_POLICY.watchAllLimit),
  /** The maximum number of open watches. */
  REAPER_MAX_WATCHES: decimal(count(1).max(1500, 'expected at most 1500')).default(DEFAULT_POLICY.maxWatches),
  /**
   * Above this many runs with a symptom at a time, over all hosts, each host with two or more of them gets one host watch, which repairs
   * them together, instead of a watch for each run. Not if REAPER_DEAD_TICKS is over 5.
   */
  REAPER_BATCH_ABOVE: decimal(count(1)).default(DEFAULT_BATCH_ABOVE),
  /** If false, watches carry no search attributes, and none are registered. */
  REAPER_SEARCH_ATTRIBUTES: flag.default(DEFAULT_POLICY.searchAttributes),
  /** Id of the reaper workflow and prefix of its queues: one per fleet. */
  REAPER_NAME: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'expected 1 to 100 characters of A-Z a-z 0-9 . _ -')
    .default('job-reaper'),
  /** The name of this host, exactly as in the job rows. No other machine may use it. */
  REAPER_HOST: z
    .string()
    .max(200, 'expected at most 200 characters')
    .regex(/^\P{Cc}*$/u, 'expected no control characters')
    .default(hostname()),
  /** True: the probe shares the pid namespace of all launchers on its host, so an absent pid without an identity stamp is dead. */
  REAPER_SHARED_PID_NAMESPACE: flag.default(false),
  /**
   * A mount of the host's `/proc`, if the probe is in a container with its own pid namespace: through it, the probe judges processes in
   * all pid namespaces of the machine. With `hostPID`, `/proc` is the host's.
   */
  REAPER_PROC: z.string().regex(/^\//, 'expected an absolute path').default('/proc'),
  /**
   * Whether this host's probe looks at the processes by itself, several times a minute, and tells the reaper at once when one has died.
   * Without it, deaths are found by the sweeps.
   */
  REAPER_SENTINEL: flag.default(true),
  /** The folder of the merge leases. Without it, this worker ignores leases. */
  MERGE_LEASE_DIR: z.string().min(1).optional(),
  /** The repos whose leases are checked, comma-separated; a lone `,` means none. If not set, SELF_HOSTING_REPO alone. */
  MERGE_GATE_REPOS: repos.optional(),
  /** The repo that the fleet builds itself from. */
  SELF_HOSTING_REPO: z.string().refine(isRepoName, `expected ${REPO_NAME_RULE}`).default('orchestrator'),
  /** Where the worker answers `GET /metrics`, `/healthz`, `/readyz` and `/status`: a port on 127.0.0.1, or an address and a port. */
  REAPER_ADMIN_ADDR: adminAddress.optional(),
  /** Postgres, as role `reaper` (or `reaper_probe` on a host that only probes). */
  DATABASE_URL: databaseUrl.optional(),
  /** Postgres for gates of kind `sql`. Best use a role that can read only what they query. */
  REAPER_GATE_DATABASE_URL: databaseUrl.optional(),
  /** Postgres, as the owner of schema `reaper`. Only for `migrate`, `prune`, `doctor` and `up --adapter`. */
  DATABASE_ADMIN_URL: databaseUrl.optional(),
  /** Path of the pipeline file. If not set, the default pipeline applies. */
  REAPER_PIPELINE: z.string().min(1).optional(),
  /** A module that exports `payloadCodecs`, which encode what Temporal stores. Workers and commands need the same one. */
  REAPER_PAYLOAD_CODEC: z.string().min(1).optional(),
  /** The token of the Telegram bot that sends notifications. Set TELEGRAM_CHAT_ID with it. */
  TELEGRAM_BOT_TOKEN: z
    .string()
    .regex(/^\d+:[A-Za-z0-9_-]+$/, 'expected a token <digits>:<letters and digits>')
    .optional(),
  /** The chat that the bot sends them to. */
  TELEGRAM_CHAT_ID: z
    .string()
    .regex(
      /^(-?[1-9]\d{0,15}|@[A-Za-z]\w{3,31})$/,
      'expected a chat id (a whole number), or @ and a channel name of 4 to 32 letters, digits and _',
    )
    .optional(),
  /** The address of Telegram's bot API, or of a proxy for it. */
  TELEGRAM_BASE_URL: webUrl
    .refine(
      (url) => !/[?#]/.test(url),
      'expected a URL without ? and #: the path of each call is appended to it',
    )
    .default('https://api.telegram.org'),
  /** A webhook that gets every notification as JSON. The URL may contain a secret. */
  REAPER_WEBHOOK_URL: webUrl.optional(),
});

/** All settings, validated together. */
export type Settings = z.infer<typeof settingsSchema>;

const NAMES = Object.keys(settingsSchema.shape);

/** Thrown with every mistake in the settings at once. */
export class SettingsError extends Error {
  override name = 'SettingsError';

  constructor(readonly mistakes: string[]) {
    super(
      `The settings have ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n  ${mistakes.join('\n  ')}`,
    );
  }
}

/**
 * Reads the settings from the environment. A value that is empty or blank counts as not set.
 *
 * @throws SettingsError with every mistake
 */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const mistakes = Object.keys(given).flatMap((name) => unknownName(name, given));
  const settings: Record<string, unknown> = {};
  // Each on its own, so that a mistake in one does not hide a contradiction between others.
  for (const [name, schema] of Object.entries(settingsSchema.shape)) {
    const parsed = schema.safeParse(given[name]);
    if (parsed.success) settings[name] = parsed.data;
    for (const { message } of parsed.error?.issues ?? []) mistakes.push(mistake(name, message, given));
  }
  const { PGSSLMODE: sslMode } = given;
  if (sslMode !== undefined && !SSL_MODES.includes(sslMode))
    mistakes.push(mistake('PGSSLMODE', `expected ${SSL_MODES.join(', ')}`, given));
  for (const { name, message } of contradictions(settings, given))
    mistakes.push(mistake(name, message, given));
  if (mistakes.length > 0) throw new SettingsError(mistakes);
  return settings as Settings;
}

/** How valid settings contradict each other. Invalid ones are missing here, and contradict nothing. */
function contradictions(
  settings: Partial<Settings>,
  given: NodeJS.ProcessEnv,
): { name: string; message: string }[] {
  const found: { name: string; message: string }[] = [];
  const { REAPER_FINALIZE_GRACE_S: grace = 0, REAPER_MAX_RUNNING_S: ceiling = Infinity } = settings;
  if (grace >= ceiling) {
    const message = `expected less than REAPER_MAX_RUNNING_S (${ceiling})`;
    found.push({ name: 'REAPER_FINALIZE_GRACE_S', message });
  }
  const { REAPER_CONFIRM_S: confirm = 0, REAPER_INTERVAL_S: interval = Infinity } = settings;
  if (confirm > interval) {
    found.push({ name: 'REAPER_CONFIRM_S', message: `expected at most REAPER_INTERVAL_S (${interval})` });
  }
  const { REAPER_WATCH_ALL_LIMIT: limit = 0, REAPER_MAX_WATCHES: max = Infinity } = settings;
  if (limit > max) {
    const message = `expected at most REAPER_MAX_WATCHES (${max})`;
    found.push({ name: 'REAPER_WATCH_ALL_LIMIT', message });
  }
  const pair = ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_CHAT_ID'];
  const missing = pair.filter((name) => given[name] === undefined);
  for (const name of missing.length === 1 ? missing : []) {
    const other = pair.find((each) => each !== name);
    found.push({ name, message: `expected it to be set, because ${other} is` });
  }
  return found;
}

function mistake(name: string, message: string, given: NodeJS.ProcessEnv): string {
  return `${name}: ${message}, got ${printed(name, given[name])}`;
}

/** Whether a setting's value must not be shown: a token, or a URL, which may hold a password. */
export function isSecret(name: string): boolean {
  return name === 'TELEGRAM_BOT_TOKEN' || name.endsWith('_URL');
}

function printed(name: string, value: string | undefined): string {
  if (value === undefined) return name.startsWith('TELEGRAM_') ? 'nothing' : '"the default"';
  // A URL may contain a password, even in a setting that should not be a URL.
  return isSecret(name) || value.includes('://') ? '"<hidden>"' : shown(value);
}

function unknownName(name: string, given: NodeJS.ProcessEnv): string[] {
  if (NAMES.includes(name) || isServiceLink(name, given[name] ?? '')) return [];
  const meant = nearestTo(name, NAMES, 2);
  const isTypo = name.length > 8 && meant !== undefined && given[meant] === undefined;
  if (!/^(REAPER|TELEGRAM)_/.test(name) && !isTypo) return [];
  return [`${name}: no such setting${didYouMean(name, NAMES)}`];
}

/** The settings that decide what is reaped, as published to the control row. */
export function toPolicy(settings: Settings): PublishedPolicy {
  return {
    enabled: settings.REAPER_ENABLED,
    leaseReclaim: settings.LEASE_RECLAIM_ENABLED,
    intervalS: settings.REAPER_INTERVAL_S,
    confirmS: settings.REAPER_CONFIRM_S ?? 'by adapter',
    deadTicks: settings.REAPER_DEAD_TICKS,
    finalizeGraceS: settings.REAPER_FINALIZE_GRACE_S,
    maxRunningS: settings.REAPER_MAX_RUNNING_S,
    backstopAlive: settings.REAPER_BACKSTOP_ALIVE,
    brake: settings.REAPER_BRAKE,
    ...(settings.REAPER_MAX_CRASHES !== undefined && { maxCrashes: settings.REAPER_MAX_CRASHES }),
    backstopUnknown: settings.REAPER_BACKSTOP_UNKNOWN ?? 'by adapter',
    watchAllLimit: settings.REAPER_WATCH_ALL_LIMIT,
    maxWatches: settings.REAPER_MAX_WATCHES,
    batchAbove: settings.REAPER_BATCH_ABOVE,
    searchAttributes: settings.REAPER_SEARCH_ATTRIBUTES,
  };
}

/** The repos whose merge leases are checked. */
export function leaseRepos({ MERGE_GATE_REPOS, SELF_HOSTING_REPO }: Settings): string[] {
  return MERGE_GATE_REPOS ?? [SELF_HOSTING_REPO];
}

/**
 * A setting that a command needs.
 *
 * @throws SettingsError when it is not set
 */
export function required(settings: Settings, name: 'DATABASE_URL' | 'DATABASE_ADMIN_URL'): string {
  const value = settings[name];
  if (value === undefined)
    throw new SettingsError([`${name}: expected a postgres:// URL, got nothing: set it and try again`]);
  return value;
}
