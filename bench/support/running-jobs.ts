import type { Database } from '../../src/db/database.js';
import type { Agent } from './agents.js';

/** Running jobs of the reference schema. */
export interface RunningJobs {
  /** Their ids are `<prefix>-<number>`, numbered from 1. */
  prefix: string;
  count: number;
  host: string;
  /** The jobs are distributed among these; one process may stand for many. */
  agents: readonly Pick<Agent, 'pid' | 'processIdentity'>[];
  /** How many seconds ago they started. @default 0 */
  startedS?: number;
}

/** Inserts jobs that run on one host, each with its row in `agent_runs` and without a task. */
export async function insertRunningJobs(admin: Database, jobs: RunningJobs): Promise<void> {
  const { prefix, count, host, agents, startedS = 0 } = jobs;
  await admin.query(`insert into agent_runs (id) select $1 || '-' || n from generate_series(1, $2::int) n`, [
    prefix,
    count,
  ]);
  await admin.query(
    `insert into jobs (id, agent, repo, status, attempts, host, pid, process_identity, run_id, started_at)
     select $1 || '-' || n, 'developer', 'web', 'running', 1, $3, a.pid, a.identity, $1 || '-' || n,
            reaper.now() - make_interval(secs => $6)
       from generate_series(1, $2::int) n
       join unnest($4::int[], $5::text[]) with ordinality as a (pid, identity, place)
         on a.place = 1 + n % cardinality($4::int[])`,
    [
      prefix,
      count,
      host,
      agents.map(({ pid }) => pid),
      agents.map((agent) => agent.processIdentity),
      startedS,
    ],
  );
}
