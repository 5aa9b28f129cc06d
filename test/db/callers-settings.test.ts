import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { sessionSettings } from '../../src/db/session-settings.js';
import { formatToken } from '../../src/liveness/token.js';
import { packageRoot } from '../../src/paths.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** The settings that anyone may make for a session and that change how values are read and written. */
const HOSTILE: Record<string, string> = {
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'iso_8601',
  TimeZone: 'Asia/Kolkata',
  timezone_abbreviations: 'India',
  standard_conforming_strings: 'off',
  escape_string_warning: 'off',
  backslash_quote: 'on',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  array_nulls: 'off',
  transform_null_equals: 'on',
  quote_all_identifiers: 'on',
  search_path: 'pg_temp, nowhere',
  xmloption: 'document',
  row_security: 'off',
  default_text_search_config: 'simple',
  'plpgsql.extra_errors': 'all',
  constraint_exclusion: 'on',
  default_transaction_isolation: 'serializable',
};

const BOOT = 'aaaaaaaa-0000-4000-8000-00000000000';
const stampIn = (boot: string, namespace: number, ticks: number) =>
  `linux:machines:${boot}:${namespace}:${ticks}`;
const START = '2026-02-03T04:05:06.700009Z';
/** Of a process in the boot that host `h-live` reports. */
const TOKEN = formatToken({ bootId: `${BOOT}9`, pidNamespace: '4026531836', pid: 4242, start: '5' }) ?? '';
/** A text that is read differently if backslashes are special. */
const ODD = 'it\\s "odd"\\n\'';
const NOW = Date.parse('2026-02-03T05:06:07.123Z');

/** A running job by its id, and what the claim says about it. */
const JOBS: Record<string, { host?: string; stamp?: string; stage?: string }> = {
  plain: {},
  'jö/9 ☃\\"%': {},
  last: {},
  staged: { stage: 'development' },
  'of a gone boot': { host: 'h-boot', stamp: stampIn(`${BOOT}1`, 4026531836, 5) },
  'of a gone host': { host: 'h-gone' },
  'of a replaced pod': { host: 'pod-0', stamp: stampIn(`${BOOT}2`, 7, 5) },
  'of another place': { host: 'pod-0', stamp: stampIn(`${BOOT}2`, 8, 5) },
  observed: {},
  survivor: { host: 'h-brake', stamp: stampIn(`${BOOT}3`, 4026531836, 5) },
  tried: {},
  late: {},
  batched: {},
};

/** A step of the story: a call by a role, or a change of the clock. */
type Step = { role: 'reaper' | 'probe' | 'admin'; call: string; values?: unknown[] } | { at: number };

const by = (role: 'reaper' | 'probe' | 'admin', call: string, ...values: unknown[]): Step => ({
  role,
  call,
  values,
});
const reaper = (call: string, ...values: unknown[]) => by('reaper', call, ...values);

function claim(
  job: string,
  given: { outcome?: string; advance?: boolean; goneBy?: string; pid?: number } = {},
): Step {
  const { outcome = 'queued', advance = false, goneBy = null, pid = 4242 } = given;
  return reaper(
    `claim($1, (select run_key from reaper.running_job where job_id = $1), 'watch', 'reaper/watch', $2, 1, 'dead pid', $3,
           '{"liveness": {"evidence": "pid 4242 absent"}, "at": "2026-02-03T05:06:07Z"}', $4, $5, null, $6, $7, $8, $9, $10)`,
    job,
    outcome,
    outcome === 'done' ? null : 'reaped: dead pid',
    pid,
    JOBS[job]?.stamp ?? null,
    ...(advance ? ['development', 'review', 'reviewer'] : [null, null, null]),
    '2026-02-03T05:06:07.000Z',
    goneBy,
  );
}

const report = (host: string, boot: string, namespace: string) =>
  by(
    'probe',
    `report_host($1, $2, $3, 'm', false, '2026-02-03T05:06:06.5Z', 123456.789012345, 1234.56789012345, 3, 1, 1, $4)`,
    host,
    boot,
    namespace,
    ODD,
  );

const STORY: Step[] = [
  reaper(`publish_policy('{"enabled": true, "intervalS": 15, "brake": "true"}', 'worker')`),
  reaper(`note_request($1)`, ODD),
  reaper(`pause($1, 'op')`, ODD),
  claim('plain'),
  reaper(`resume('op')`),
  reaper(`put_hold('job', 'plain', 'why', 'op', 3600)`),
  claim('plain'),
  reaper(`release_hold('job', 'plain', 'op')`),
  report('pod-0', `${BOOT}2`, '8'),
  report('h-live', `${BOOT}9`, '4026531836'),
  report('h-live', `${BOOT}8`, '4026531836'),
  by('probe', `boots($1)`, [`${BOOT}8`, `${BOOT}9`]),
  reaper(`declare_host_gone('h-live', 'op')`),
  reaper(`declare_host_gone('h-gone', 'op')`),
  reaper(`declare_host_replaced('pod-0', 'op')`),
  reaper(`declare_host_replaced('h-live', 'op')`),
  reaper(`declare_boot_gone($1, 'op')`, `${BOOT}1`),
  reaper(`declare_boot_gone($1, 'op')`, `${BOOT}9`),
  claim('plain'),
  claim('plain'),
  claim('jö/9 ☃\\"%', { outcome: 'failed' }),
  claim('last', { pid: 4343 }),
  claim('staged', { outcome: 'done', advance: true }),
  claim('of a gone boot', { goneBy: 'boot declared gone' }),
  claim('of a gone host', { goneBy: 'host declared gone' }),
  claim('of a replaced pod', { goneBy: 'host declared replaced' }),
  claim('of another place', { goneBy: 'host declared replaced' }),
  reaper(
    `claim_many((select jsonb_agg(jsonb_build_object('job_id', job_id, 'run_key', run_key, 'outcome', 'queued', 'tier', 1, 'reason', 'dead pid',
                   'error', $1::text, 'evidence', '{"at": "2026-02-03T05:06:07Z"}'::jsonb, 'pid', pid, 'process_identity', process_identity))
                   from reaper.running_job where job_id = 'batched'), 'batch', 'reaper/host/h', '2026-02-03T05:06:07.000Z', 60000)`,
    ODD,
  ),
  reaper(`set_mode('observe', 'op')`),
  claim('observed'),
  reaper(`set_mode('active', 'op')`),
  reaper(`try_claim('tried', (select run_key from reaper.running_job where job_id = 'tried'), 'another')`),
  reaper(
    `owe_backstop_alert('tried', '1-2', 'h', $1, 'r', 'backstop age=7200s>=7200s', 'backstop unknown')`,
    ODD,
  ),
  reaper(
    `note_claim_trouble('tried', (select run_key from reaper.running_job where job_id = 'tried'), 'failed', $1,
                             true, 4242, null, null)`,
    ODD,
  ),
  reaper('note_unreadable($1)', JSON.stringify([{ jobId: ODD, why: 'its pid cannot be read' }])),
  reaper(
    `crash_facts(array['tried'], array[(select run_key from reaper.running_job where job_id = 'tried')])`,
  ),
  reaper(`adapter_trouble()`),
  reaper(`records_exit_codes()`),
  reaper(`lock_holder(pg_backend_pid())`),
  reaper(`announce_lease_worker('h')`),
  reaper(`record_lease_reclaim('k', 'web', 't', 7, 'h', 'linux:m', '2026-02-03T01:02:03.004005Z', 0.1::float8 + 0.2, 'over',
                               '{"ttl": 0.30000000000000004}', 'h')`),
  reaper(`gather_digest('backstop unknown', 2)`),
  reaper(`take_for_sending((select min(id) from reaper.notification))`),
  reaper(`take_for_telegram((select min(id) from reaper.notification))`),
  reaper(`note_delivery((select min(id) from reaper.notification), 'telegram', 'refused', $1)`, ODD),
  reaper(`note_delivery((select min(id) from reaper.notification), 'webhook', 'sent')`),
  reaper(`settle_notification((select min(id) from reaper.notification), 'sent')`),
  reaper(`keep_channels(array['webhook', null])`),
  reaper(`note_clock_step(0, reaper.now(), reaper.now(), 0)`),
  reaper(
    `record_sweep(reaper.now(), '{"number": 1, "hostsWithoutProbe": ["h-mute"], "hostsAnswered": ["h-live"]}')`,
  ),
  { at: NOW + 60_000 },
  reaper(`note_sweep(reaper.now(), '{"number": 2, "hostsWithoutProbe": ["h-mute"], "hostsAnswered": []}')`),
  claim('survivor'),
  { at: NOW },
  claim('survivor'),
  claim('late'),
  by('admin', 'reject_late_finalize'),
  by(
    'probe',
    `note_look_back('h-brake', '{}', (select jsonb_agg(jsonb_build_object('ledgerId', ledger_id, 'evidence', $1::text))
                                            from reaper.look_back where host = 'h-brake'))`,
    ODD,
  ),
  by('admin', 'behind_adapter()'),
  reaper('prune_runs(10000)'),
  by('admin', 'announce($1, $2)', ODD, TOKEN),
  by('admin', 'worker_process($1)', ODD),
  by('admin', 'prune_workers(86400)'),
  { at: NOW + 90 * 86_400_000 },
  by('admin', 'prune(86400.1)'),
];

it('change nothing of what is decided and stored', async () => {
  const plain = await play({});
  const hostile = await play(HOSTILE);
  expect(hostile.called).toEqual(hostile.definers);
  expect(hostile.answers).toEqual(plain.answers);
  expect(hostile.rows).toEqual(plain.rows);
  // It was a story.
  const claims = plain.answers.filter(({ call }) => call.startsWith('claim('));
  expect(new Set(claims.map(({ said }) => (JSON.parse(said) as string[])[0]))).toEqual(
    new Set(['blocked', 'won', 'lost', 'changed']),
  );
  expect(plain.answers.filter(({ said }) => said.startsWith('error')).map(({ call }) => call)).toEqual([
    expect.stringContaining(`declare_host_gone('h-live'`),
    expect.stringContaining(`declare_host_replaced('h-live'`),
    expect.stringContaining('declare_boot_gone'),
    'reject_late_finalize',
  ]);
});

/** What our sessions set and a function does not: limits of the caller, what the client reads, and policies of the owner's own tables. */
const OF_THE_CALLER = [
  'statement_timeout',
  'idle_in_transaction_session_timeout',
  'lock_timeout',
  'client_encoding',
  'row_security',
];

it('are set aside by every function that runs with its owner’s rights, in favor of the same ones as in our sessions', async () => {
  const db = await createTestDatabase();
  try {
    const wanted = Object.entries(sessionSettings({ statementMs: 1, idleInTransactionMs: 1 }))
      .filter(([name]) => !OF_THE_CALLER.includes(name))
      .map(([name, value]) => `${name}=${value}`)
      .sort();
    const { rows } = await db.admin.query<{ name: string; settings: string[] }>(
      `select p.proname as name, array(select c from unnest(p.proconfig) c where c not like all (array['lock_timeout=%', 'statement_timeout=%'])) as settings
         from pg_proc p where p.pronamespace = 'reaper'::regnamespace and p.prosecdef`,
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const { name, settings } of rows)
      expect({ name, settings: settings.sort() }).toEqual({ name, settings: wanted });
  } finally {
    await db.drop();
  }
});

/** Plays the story in its own database, in sessions with these settings. */
async function play(settings: Record<string, string>) {
  const db = await createTestDatabase();
  const sessions = {
    reaper: binaryClient(db.reaperUrl),
    probe: binaryClient(db.probeUrl),
    admin: binaryClient(db.adminUrl),
  };
  try {
    await seed(db);
    for (const session of Object.values(sessions)) {
      await session.connect();
      for (const [name, value] of Object.entries(settings))
        await session.query('select pg_catalog.set_config($1, $2, false)', [name, value]);
    }
    const answers: { call: string; said: string }[] = [];
    const rows: Record<string, string[]>[] = [];
    for (const step of STORY) {
      if ('at' in step) {
        rows.push(await allRows(db));
        await setClock(db, step.at);
      } else answers.push({ call: step.call, said: await ask(sessions[step.role], step) });
    }
    return { answers, rows: [...rows, await allRows(db)], ...(await functions(db)) };
  } finally {
    await Promise.all(Object.values(sessions).map((session) => session.end()));
    await db.drop();
  }
}

async function setClock({ admin }: TestDatabase, ms: number): Promise<void> {
  await admin.query(`create or replace function reaper.now() returns timestamptz language sql volatile
    as 'select timestamptz ''${new Date(ms).toISOString()}'''`);
}

async function seed(db: TestDatabase): Promise<void> {
  await setClock(db, NOW);
  await db.admin.query(await readFile(join(packageRoot, 'sql/extras/reject-late-finalize.sql'), 'utf8'));
  for (const [id, { host = 'h', stamp = null, stage = null }] of Object.entries(JOBS)) {
    if (stage !== null)
      await db.admin.query(`insert into tasks (id, repo, branch, stage) values ('t', 'web', 'main', $1)`, [
        stage,
      ]);
    await db.admin.query(
      `insert into jobs (id, task_id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, started_at)
       values ($1, $2, 'a', 'web', 'running', 1, 2, $3, 4242, $4, $5)`,
      [id, stage === null ? null : 't', host, stamp, START],
    );
  }
  // Not the random id of a job of the next stage.
  await db.admin.query(`alter table jobs alter column id set default 'next'`);
}

/** The result of a call in binary form, which no setting changes: how times are shown is up to the session. */
async function ask(
  session: pg.Client,
  { call, values = [] }: Extract<Step, { call: string }>,
): Promise<string> {
  const text =
    call === 'reject_late_finalize'
      ? `update public.jobs set status = 'done' where id = 'late'`
      : `select * from reaper.${call}`;
  try {
    await session.query('begin isolation level read committed');
    const { rows } = await session.query<(string | null)[]>(asked(text, values));
    await session.query('commit');
    return rows.map((row) => JSON.stringify(row)).join('\n');
  } catch (error) {
    await session.query('rollback');
    const { code, message } = error as { code?: string; message: string };
    return `error ${code ?? ''}: ${message}`;
  }
}

/** Returns raw values. The typings cover neither this nor the option for it. */
function binaryClient(connectionString: string): pg.Client {
  const texts: number[] = [pg.types.builtins.TEXT, pg.types.builtins.JSONB];
  const getTypeParser = (id: number) => (value: Buffer) =>
    value.toString(texts.includes(id) ? 'utf8' : 'hex');
  return new pg.Client({ connectionString, binary: true, types: { getTypeParser } } as pg.ClientConfig);
}

const asked = (text: string, values: unknown[]) =>
  ({ text, values, rowMode: 'array', queryMode: 'extended' }) as unknown as pg.QueryArrayConfig;

/** Everything that is stored, as a plain session reads it. */
async function allRows({ admin }: TestDatabase): Promise<Record<string, string[]>> {
  const { rows: relations } = await admin.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('reaper', 'public') and c.relkind in ('r', 'S') and c.relname <> 'migration' order by 1`,
  );
  const all: Record<string, string[]> = {};
  for (const { name } of relations) {
    const { rows } = await admin.query<{ row: string }>(
      `select (to_jsonb(t) - 'log_cnt')::text as row from (select * from ${name}) t order by 1`,
    );
    all[name] = rows.map(({ row }) => row);
  }
  return all;
}

/** The functions that run with their owner's rights, and those that the story calls. */
async function functions({ admin }: TestDatabase): Promise<{ definers: string[]; called: string[] }> {
  const { rows } = await admin.query<{ name: string }>(
    `select distinct proname::text as name from pg_proc where pronamespace = 'reaper'::regnamespace and prosecdef order by 1`,
  );
  const called = STORY.flatMap((step) => ('call' in step ? (/^\w+/.exec(step.call)?.[0] ?? []) : []));
  return { definers: rows.map(({ name }) => name), called: [...new Set(called)].sort() };
}
