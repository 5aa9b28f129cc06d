import type { TroubleKind } from '../domain/claim-trouble.js';
import type { Queryable } from './database.js';

/** All claims so far of one agent with one outcome and tier. */
export interface ClaimTotal {
  /** Empty for claims of jobs without an agent. */
  agent: string;
  outcome: string;
  tier: number;
  /** Id of the first of them, which orders agents by when they first appeared. */
  firstId: number;
  claims: number;
}

/** The numbers of the whole fleet, for metrics. */
export interface FleetNumbers {
  enabled: boolean;
  paused: boolean;
  mode: 'active' | 'observe';
  intervalS: number | null;
  /** Unix seconds of the last sweep, even if it failed; null before the first. */
  lastSweepS: number | null;
  running: number;
  watching: number;
  hostsWatched: number;
  unwatchable: number;
  /** Problems with hosts and their probes that a person must check. */
  hostWarnings: number;
  holds: number;
  /** All runs so far that were reaped although their process was alive. */
  survivors: number;
  /** One of them switched the dry run on. */
  braked: boolean;
  /** All deaths over the crash budget so far that failed their job. */
  crashesFailed: number;
  /** All deaths over the crash budget so far that requeued their job, because it was not alone in its process. */
  crashesRequeued: number;
  /** All late writes by monitors of reaped runs that the guard has rejected so far. */
  lateWrites: number;
  leaseReclaimed: number;
  /** Problems with leases at the last sweep that a person must check. */
  leaseTrouble: number;
  owed: number;
  /** All messages lost so far, by channel: not accepted, and not sent again. */
  lostMessages: Record<string, number>;
  /** Channels that did not accept their last message. */
  failingChannels: number;
  /** Boots in workers' tokens that no probe has reported. */
  unknownBoots: number;
  /** Age of the oldest owed notification in seconds; 0 without any. */
  oldestOwedS: number;
  claims: ClaimTotal[];
  /** Some agents of running jobs, sorted: at most 60. Empty for jobs without one. */
  runningAgents: string[];
  /** Runs that cannot be claimed: their claims end in an error, or their row is locked. */
  claimTrouble: Record<TroubleKind, number>;
  /** Runs with a symptom for which no watch was free at the last sweep. */
  waiting: number;
  hostsWithoutProbe: string[];
  /** Hosts whose probe failed in the last sweep. */
  hostsFailing: number;
  /** Running jobs whose liveness is unknown, by host; '' for those that name none. Hosts without any are omitted. */
  unknownByHost: Record<string, number>;
}

const SQL = `
  with s as (select * from reaper.status)
  select s.enabled, s.paused, s.mode, s.interval_s as "intervalS", s.last_run_ts as "lastSweepS", s.running, s.watching,
         (s.hosts_watched ->> 'count')::bigint as "hostsWatched",
         coalesce((s.last_sweep ->> 'unwatchableCount')::bigint, 0) as unwatchable,
         jsonb_array_length(s.host_warnings) as "hostWarnings",
         (select count(*) from reaper.hold h where h.until > (select reaper.now())) as holds,
         s.survivors, s.braked is not null as braked, s.late_writes as "lateWrites",
         (s.crash_budget ->> 'failed')::bigint as "crashesFailed", (s.crash_budget ->> 'requeued')::bigint as "crashesRequeued",
         s.lease_reclaimed_total as "leaseReclaimed",
         jsonb_array_length(coalesce(s.last_sweep -> 'leaseTrouble', '[]')) as "leaseTrouble",
         o.owed, o."oldestOwedS",
         (select coalesce(jsonb_object_agg(h.name, h.lost), '{}') from reaper.channel h) as "lostMessages",
         jsonb_array_length(s.failing_channels) as "failingChannels",
         (s.unknown_boots ->> 'count')::bigint as "unknownBoots",
         (select coalesce(jsonb_agg(jsonb_build_object('agent', agent, 'outcome', outcome, 'tier', tier,
                                                       'firstId', first_id, 'claims', claims)), '[]')
            from reaper.claim_total) as claims,
         (select coalesce(array_agg(a.agent), '{}')
            from (select distinct coalesce(r.agent, '') as agent from reaper.readable_run r order by 1 limit 60) a) as "runningAgents",
         (select jsonb_build_object('failed', count(*) filter (where t.kind = 'failed'),
                                    'locked', count(*) filter (where t.kind = 'locked'))
            from reaper.troubled_run t) as "claimTrouble",
         (s.waiting ->> 'count')::bigint as waiting,
         s.hosts_without_probe as "hostsWithoutProbe",
         (select count(*) from jsonb_object_keys(s.hosts_failing)) as "hostsFailing",
         s.unknown_runs as "unknownByHost"
    from s
   cross join (select count(*) as owed,
                      coalesce(extract(epoch from (select reaper.now()) - min(at)), 0)::double precision as "oldestOwedS"
                 from reaper.notification where owed) o`;

/**
 * Reads the numbers of the whole fleet, as role `reaper`. Every worker reads the same.
 *
 * @throws if Postgres is away or its schema is missing
 */
export async function readFleetNumbers(pool: Queryable): Promise<FleetNumbers> {
  const { rows } = await pool.query<FleetNumbers>(SQL);
  const row = rows[0];
  if (row === undefined)
    throw new Error('Expected one row in reaper.status, got none: run job-reaper migrate');
  return row;
}
