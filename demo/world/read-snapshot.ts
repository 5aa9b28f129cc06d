import type { Outcome } from '../../src/domain/types.js';
import type { Database } from '../../src/db/database.js';

/** A job's row. */
export interface JobState {
  id: string;
  taskId: string | null;
  agent: string;
  status: 'queued' | 'running' | 'done' | 'failed';
  attempts: number;
  host: string | null;
  pid: number | null;
  processIdentity: string | null;
  exitCode: number | null;
  /** Unix milliseconds by the database's clock. */
  exitedMs: number | null;
  /** Unix milliseconds by the database's clock. */
  finishedMs: number | null;
  /** The stage of the job's task. */
  stage: string | null;
}

/** A claim of the reaper, from its ledger. */
export interface Claim {
  jobId: string;
  outcome: Outcome;
  reason: string;
  /** Unix milliseconds by the database's clock. */
  claimedMs: number;
  /** What the probe saw. */
  evidence: string;
  /** What the gate said; null if none was asked. */
  gate: string | null;
}

/** A stale merge lease that the reaper removed. */
export interface LeaseReclaim {
  repo: string;
  /** Why it was stale. */
  reason: string;
}

/** Everything at one moment. */
export interface Snapshot {
  jobs: JobState[];
  /** Oldest first. */
  claims: Claim[];
  /** Oldest first. */
  leaseReclaims: LeaseReclaim[];
  /** Sweeps so far; 0 until the worker is running. */
  sweeps: number;
  hostsWithoutProbe: string[];
}

/** One statement, so that jobs and claims are from the same moment. */
const SQL = `
  select coalesce((
           select json_agg(json_build_object(
                    'id', j.id, 'taskId', j.task_id, 'agent', j.agent, 'status', j.status, 'attempts', j.attempts,
                    'host', j.host, 'pid', j.pid, 'processIdentity', j.process_identity, 'exitCode', a.exit_code,
                    'exitedMs', extract(epoch from a.finished_at) * 1000,
                    'finishedMs', extract(epoch from j.finished_at) * 1000, 'stage', t.stage)
                  order by coalesce(j.task_id, j.id), j.id is distinct from j.task_id)
             from public.jobs j
             left join public.agent_runs a on a.id = j.run_id
             left join public.tasks t on t.id = j.task_id), '[]') as jobs,
         coalesce((
           select json_agg(json_build_object(
                    'jobId', l.job_id, 'outcome', l.outcome, 'reason', l.reason,
                    'claimedMs', extract(epoch from l.claimed_at) * 1000,
                    'evidence', l.evidence -> 'liveness' ->> 'evidence',
                    'gate', l.evidence -> 'gate' ->> 'reason')
                  order by l.id)
             from reaper.ledger l), '[]') as claims,
         coalesce((
           select json_agg(json_build_object('repo', c.repo, 'reason', c.reason) order by c.id)
             from reaper.lease_reclaim c), '[]') as "leaseReclaims",
         coalesce((s.last_sweep ->> 'number')::integer, 0) as sweeps,
         s.hosts_without_probe as "hostsWithoutProbe"
    from reaper.status s`;

/** Reads the current state. */
export async function readSnapshot(admin: Database): Promise<Snapshot> {
  const { rows } = await admin.query<Snapshot>(SQL);
  if (rows[0] === undefined) throw new Error('Expected one row in reaper.status, got none');
  return rows[0];
}
