import type { Queryable } from '../database.js';

/** A column whose value depends on the time zone of the session that reads it. */
export interface ZoneDependence {
  column: string;
  /** The first few jobs that show it; empty if only the view's text does. */
  jobs: string[];
}

const SAMPLE = 200;
const SHOWN = 5;
/** Two zones in which it is never the same time. */
const ZONES = ['Pacific/Kiritimati', 'Pacific/Pago_Pago'];
const COLUMNS = ['run_key', 'started_at', 'finished_at'] as const;
/** The functions behind casts of `timestamp` and `date` to `timestamptz`, whose ids are fixed in Postgres. */
const CASTS = [2028, 1174];

type Row = { jobId: string } & Record<(typeof COLUMNS)[number], string | null>;

/**
 * Finds columns of the view of running jobs whose value depends on the time zone: by existing rows, and by casts in the view's own
 * text. Within the caller's transaction, whose time zone it changes.
 *
 * @param except jobs whose rows cannot be read
 */
export async function findZoneDependence(
  client: Queryable,
  except: readonly string[] = [],
): Promise<ZoneDependence[]> {
  const readings: Map<string, Row>[] = [];
  // The first zone once more: a job that is over or runs again meanwhile shows nothing.
  for (const zone of [...ZONES, ZONES[0]]) {
    await client.query(`select set_config('TimeZone', $1, true)`, [zone]);
    const { rows } = await client.query<Row>(
      `select job_id as "jobId", run_key, extract(epoch from started_at)::text as started_at,
              extract(epoch from finished_at)::text as finished_at
         from reaper.running_job where job_id is not null and job_id <> all($1)
        order by job_id, run_key limit ${SAMPLE}`,
      [except],
    );
    readings.push(new Map(rows.map((row) => [row.jobId, row])));
  }
  const [one, other, again] = readings;
  const casts = await findCasts(client);
  return COLUMNS.flatMap((column) => {
    const jobs = [...(one ?? [])].filter(([job, row]) => {
      const [there, still] = [other?.get(job), again?.get(job)];
      const isSame = COLUMNS.every((each) => still?.[each] === row[each]);
      return there !== undefined && isSame && there[column] !== row[column];
    });
    if (jobs.length === 0 && !casts.includes(column)) return [];
    return [{ column, jobs: jobs.map(([job]) => job).slice(0, SHOWN) }];
  });
}

/** Says what is wrong and what to do about it. */
export function describeZoneDependence({ column, jobs }: ZoneDependence): { got: string; todo: string } {
  const shown = jobs.length === 0 ? "by a cast in the view's text" : `jobs ${jobs.join(', ')}`;
  return {
    got: `${column} differs between time zones (${shown})`,
    todo:
      column === 'run_key'
        ? 'have the adapter use extract(epoch from ...), not a text of the time'
        : "say in the adapter which zone the column is written in, such as started_at at time zone 'UTC'",
  };
}

/** Columns of the view whose own expression casts a time without a zone. */
async function findCasts(client: Queryable): Promise<string[]> {
  const { rows } = await client.query<{ rule: string }>(
    `select w.ev_action::text as rule from pg_rewrite w
      where w.ev_class = to_regclass('reaper.running_job') and w.rulename = '_RETURN'`,
  );
  return (rows[0]?.rule ?? '').split('{TARGETENTRY').flatMap((entry) => {
    const column = /:resname (\w+)/.exec(entry)?.[1];
    const casts = [...entry.matchAll(/:funcid (\d+)/g)].some(([, id]) => CASTS.includes(Number(id)));
    return column !== undefined && casts ? [column] : [];
  });
}
