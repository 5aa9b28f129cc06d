import type { Pool } from 'pg';
import type { Run } from './queue-facts.js';

/** What an operator reads, without what it tells of runs that are over. */
const SQL = `
  select (to_jsonb(s) - 'last_reaped' - 'braked')::text as text, s.hosts_without_probe as "hostsWithoutProbe"
    from reaper.status s`;

/** Which dead runs `reaper.status` did not speak of. */
export class StatusFacts {
  /** When a dead run that still waited was neither named, nor its host, for the last time; by run. */
  readonly unnamedMs = new Map<string, number>();

  /** @param waiting runs that are dead and not repaired yet */
  async read(admin: Pool, waiting: readonly Run[]): Promise<void> {
    if (waiting.length === 0) return;
    const askedMs = Date.now();
    const { rows } = await admin.query<{ text: string; hostsWithoutProbe: string[] }>(SQL);
    const status = rows[0];
    if (status === undefined) return;
    for (const { runId, jobId, host } of waiting) {
      const isNamed = status.text.includes(JSON.stringify(jobId)) || status.hostsWithoutProbe.includes(host);
      if (!isNamed) this.unnamedMs.set(runId, askedMs);
    }
  }
}
