import type { Database } from '../../../src/db/database.js';
import type { Run } from './queue-facts.js';

/** Runs of a kind that the view names; the others it counts. */
const NAMED = 5;

/** What an operator reads, without what it tells of runs that are over. */
const SQL = `
  select (to_jsonb(s) - 'last_reaped' - 'braked')::text as text,
         greatest((s.claim_trouble ->> 'count')::int, (s.waiting ->> 'count')::int) as waiting,
         array(select jsonb_array_elements_text(s.hosts_without_probe)
               union select jsonb_object_keys(s.hosts_failing)
               union select jsonb_object_keys(s.unknown_runs)) as hosts,
         array(select run_id from reaper.running_job) as running
    from reaper.status s`;

interface Status {
  /** Runs that are still called running at that moment. */
  running: string[];
  text: string;
  waiting: number;
  hosts: string[];
}

/** Which dead runs `reaper.status` did not speak of. */
export class StatusFacts {
  /** When a dead run that still waited was neither named, nor its host, for the last time; by run. */
  readonly unnamedMs = new Map<string, number>();

  /** @param waiting runs that are dead and not repaired yet */
  async read(admin: Database, waiting: readonly Run[]): Promise<void> {
    if (waiting.length === 0) return;
    const askedMs = Date.now();
    const { rows } = await admin.query<Status>(SQL);
    const status = rows[0];
    if (status === undefined) return;
    for (const { runId, jobId, host } of waiting) {
      const isNamed =
        status.text.includes(JSON.stringify(jobId)) || status.waiting > NAMED || status.hosts.includes(host);
      if (!isNamed && status.running.includes(runId)) this.unnamedMs.set(runId, askedMs);
    }
  }
}
