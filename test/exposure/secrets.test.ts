import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { Names } from '../../src/naming.js';
import { freePort } from '../../servers/index.js';
import { cli } from '../cli/support.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { Proxy } from '../support/proxy.js';
import { readableHistory } from '../support/raw-history.js';
import { insertRunningJob } from '../support/rows.js';
import { createSecretLogin, secretsIn, type SecretLogin } from '../support/secrets.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const HIDDEN = {
  TELEGRAM_BOT_TOKEN: '123456:SecretOfTheBot',
  REAPER_WEBHOOK_URL: 'http://127.0.0.1:9/PathOfTheHook',
  REAPER_GATE_DATABASE_URL: 'postgres://gates:PasswordOfTheGates@127.0.0.1:9/gates',
  TEMPORAL_API_KEY: 'KeyOfTemporal',
};
const PATHS = ['/healthz', '/readyz', '/metrics', '/status', '/', '/nothing'];

let db: TestDatabase;
let login: SecretLogin;
let postgres: Proxy;
let temporal: Proxy;
let client: Client;
let name: string;
let env: Record<string, string>;
let worker: WorkerProcess;

beforeAll(async () => {
  db = await createTestDatabase();
  name = `secrets-${randomBytes(6).toString('hex')}`;
  postgres = await proxyTo(new URL(db.reaperUrl).host);
  temporal = await proxyTo(inject('temporalAddress'));
  login = await createSecretLogin(db, postgres.port);
  client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
  env = {
    ...HIDDEN,
    TELEGRAM_CHAT_ID: '@operators',
    TELEGRAM_BASE_URL: 'http://127.0.0.1:9',
    TEMPORAL_TLS: 'false',
    TEMPORAL_ADDRESS: `127.0.0.1:${temporal.port}`,
    DATABASE_URL: login.url,
    REAPER_NAME: name,
    REAPER_HOST: 'host-1',
    REAPER_ADMIN_ADDR: String(await freePort()),
    // A watch whose process is dead goes on looking.
    REAPER_DEAD_TICKS: '1000',
  };
  worker = new WorkerProcess(env);
});
afterAll(async () => {
  await worker.kill();
  await Promise.all([postgres.cut(), temporal.cut()]);
  await terminateAll(client, name);
  await client.connection.close();
  await endProcesses();
  await login.drop();
  await db.drop();
});

async function proxyTo(address: string): Promise<Proxy> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return Proxy.to({ host: hostname, port: Number(port) }, await freePort());
}

/** Every answer of the admin port. */
async function adminPort(): Promise<string> {
  const answers = PATHS.flatMap((path) =>
    ['GET', 'POST'].map(async (method) => {
      const url = `http://127.0.0.1:${env['REAPER_ADMIN_ADDR']}${path}`;
      const answer = await fetch(url, { method });
      return JSON.stringify([...answer.headers]) + (await answer.text());
    }),
  );
  return (await Promise.all(answers)).join('\n');
}

/** What our workflows answer to everything that can be asked. */
async function queries(workflowIds: readonly string[]): Promise<string> {
  const answers = workflowIds.flatMap((id, n) =>
    [n === 0 ? 'status' : 'watch', '__temporal_workflow_metadata', '__stack_trace'].map(async (query) =>
      JSON.stringify(await client.workflow.getHandle(id).query(query)),
    ),
  );
  return (await Promise.all(answers)).join('\n');
}

/** The activities that failed for a reason: those that are tried again, and those that were given up. */
async function failing(workflowIds: readonly string[], reason: string): Promise<Set<string>> {
  const handles = workflowIds.map((id) => client.workflow.getHandle(id));
  const descriptions = await Promise.all(handles.map((handle) => handle.describe()));
  const pending = descriptions.flatMap(({ raw }) => raw.pendingActivities ?? []);
  const failed = pending.filter(({ lastFailure }) => JSON.stringify(lastFailure).includes(reason));
  const seen = new Set(failed.map(({ activityType }) => activityType?.name ?? ''));
  for (const { events } of await Promise.all(handles.map((handle) => handle.fetchHistory()))) {
    for (const { activityTaskFailedEventAttributes: end } of events ?? []) {
      if (!end || !JSON.stringify(end.failure).includes(reason)) continue;
      const begin = events?.find(({ eventId }) => String(eventId) === String(end.scheduledEventId));
      seen.add(begin?.activityTaskScheduledEventAttributes?.activityType?.name ?? '');
    }
  }
  return seen;
}

it('stand in no history, answer, query or log, whatever fails', { timeout: 360_000 }, async () => {
  const secrets = [login.password, 'SecretOfTheBot', 'PathOfTheHook', 'PasswordOfTheGates', 'KeyOfTemporal'];
  const told = { adminPort: '', queries: '', commands: '' };
  const dead = startProcess();
  await dead.kill();
  const watched = await insertRunningJob(db.admin, { id: 'watched', ...dead });
  const claimed = await insertRunningJob(db.admin, { id: 'claimed', startedS: 600, ...startProcess() });
  const later = await insertRunningJob(db.admin, { id: 'later', startedS: 600, ...startProcess() });
  const names = new Names(name);
  const ids = [names.reaper, ...[watched, claimed, later].map((run) => names.watchId(run))];
  await eventually('all watches', async () => (await queries(ids)) !== '', 120_000);

  // The claim is at work when Postgres goes away, as are sweeps and observations; then comes an operator.
  await db.admin.query(
    `create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(7); return new; end'`,
  );
  await claimAtWork('claimed', claimed.runId);
  told.adminPort += await adminPort();
  await postgres.cut();
  await wish();
  await allFailFor('ECONNREFUSED');
  await postgres.restore();
  // A claim that fails is given up soon, and its run tried again later: what else is wrong then, another claim has to meet.
  await claimAtWork('later', later.runId);
  await login.changePassword();
  await wish();
  await allFailFor('password authentication failed');
  await login.restorePassword();
  await eventually('both claims', () => worker.count('job claimed (') > 0 && worker.count('job later (') > 0);
  await temporal.cut();
  await eventually('a line on it', () => worker.count('Temporal is away') > 0);
  await tell();
  await temporal.restore();
  await eventually('a line on it', () => worker.count('Temporal is back') > 0);

  const places = { ...told, histories: await readableHistory(client, name), log: worker.printed };
  const findable: [keyof typeof places, string][] = [
    ['adminPort', 'temporal_'],
    ['adminPort', 'ECONNREFUSED'],
    ['adminPort', 'password authentication failed'],
    ['queries', '"phase":'],
    ['commands', 'ECONNREFUSED'],
    ['commands', 'password authentication failed'],
    ['histories', 'ECONNREFUSED'],
    ['histories', 'password authentication failed'],
    ['histories', 'dist/src/activities/jobs.js'],
    ['log', 'ECONNREFUSED'],
    ['log', 'job claimed ('],
  ];
  for (const [place, text] of findable) expect(places[place].includes(text), `${place}: ${text}`).toBe(true);
  for (const [place, text] of Object.entries(places)) expect(secretsIn(text, secrets), place).toEqual([]);

  /** Ends the job's run, and waits for its claim, which is slow. */
  async function claimAtWork(job: string, runId: string): Promise<void> {
    await db.admin.query(
      `drop trigger if exists slow on jobs;
       create trigger slow before update on jobs for each row when (old.id = '${job}') execute function slow()`,
    );
    await db.admin.query(
      `update agent_runs set exit_code = 1, finished_at = reaper.now() - interval '1 minute' where id = $1`,
      [runId],
    );
    await eventually(`the claim of ${job} at work`, async () => {
      const { rowCount } = await db.admin.query(
        `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database() and query like '%reaper.claim%'`,
      );
      return rowCount;
    });
  }

  async function wish(): Promise<void> {
    await client.workflow.getHandle(name).signal('hold', { kind: 'job', value: 'other', by: 'op' });
  }

  async function allFailFor(reason: string): Promise<void> {
    const seen = new Set<string>();
    await eventually(`scan, observeRun, claim and operateAll to fail with ${reason}`, async () => {
      for (const activity of await failing(ids, reason)) seen.add(activity);
      expect([...seen]).toEqual(expect.arrayContaining(['scan', 'observeRun', 'claim', 'operateAll']));
      return true;
    });
    await tell();
    told.queries += await queries(ids);
  }

  async function tell(): Promise<void> {
    told.adminPort += await adminPort();
    for (const args of [['status', '--json'], ['explain', 'watched'], ['ledger']]) {
      const { stdout, stderr } = await cli(args, { ...env, DEBUG: '1' });
      told.commands += stdout + stderr;
    }
  }
});
