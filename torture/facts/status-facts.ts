import type { Database } from '../../src/db/database.js';
import type { Run } from './queue-facts.js';
import type { Span } from './spans.js';

/** Runs of a kind that the view names; the others it counts. */
const NAMED = 5;

/** What an operator reads, without what concerns runs that are over. */
const SQL = `
  select (to_jsonb(s) - 'last_reaped' - 'braked')::text as text,
         greatest((s.claim_trouble ->> 'count')::int, (s.waiting ->> 'count')::int) as waiting,
         array(select jsonb_array_elements_text(s.hosts_without_probe)
               union select jsonb_object_keys(s.hosts_failing)
               union select jsonb_object_keys(s.unknown_runs)) as hosts,
         array(select run_id from reaper.running_job) as running
    from reaper.status s`;

interface Status {
  /** Runs that are still marked running at that moment. */
  running: string[];
  text: string;
  waiting: number;
  hosts: string[];
}

/** When `reaper.status` did not mention dead runs. */
export class StatusFacts {
  readonly #unnamed = new Map<string, Span[]>();

  /** The times between looks at which the view neither named a run that was dead and waited, nor its host. */
  unnamed(runId: string): readonly Span[] {
    return this.#unnamed.get(runId) ?? [];
  }

  /** @param waiting runs that are dead and not repaired yet */
  async read(admin: Database, waiting: readonly Run[]): Promise<void> {
    if (waiting.length === 0) return;
    const askedMs = Date.now();
    const { rows } = await admin.query<Status>(SQL);
    const status = rows[0];
    if (status === undefined) return;
    for (const run of waiting) {
      if (!status.running.includes(run.runId)) continue;
      const spans = this.#unnamed.get(run.runId) ?? [{ fromMs: 0, untilMs: 0 }];
      this.#unnamed.set(run.runId, spans);
      const last = spans.at(-1);
      if (isNamed(status, run)) {
        if (last?.fromMs !== Infinity) spans.push({ fromMs: Infinity, untilMs: Infinity });
      } else if (last?.fromMs === Infinity) Object.assign(last, { fromMs: askedMs, untilMs: askedMs });
      else if (last) last.untilMs = askedMs;
    }
  }
}

function isNamed({ text, waiting, hosts }: Status, { jobId, host }: Run): boolean {
  return text.includes(JSON.stringify(jobId)) || waiting > NAMED || hosts.includes(host);
}
