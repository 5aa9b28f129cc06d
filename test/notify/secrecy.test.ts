import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, expect, inject, it, onTestFinished } from 'vitest';
import { cli } from '../cli/support.js';
import { Names } from '../../src/naming.js';
import { freePort } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';
import { secretsIn } from '../support/secrets.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';
import { startReceiver, type Answer } from './receiver.js';

const BOT_SECRET = 'AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const TOKEN = `123456:${BOT_SECRET}`;
const WEBHOOK_PATH = 'T0PathSecretOfTheHook';
const WEBHOOK_PASSWORD = 'PasswordOfTheHook';
const GATE_PASSWORD = 'PasswordOfTheGates';
const SECRETS = [BOT_SECRET, WEBHOOK_PATH, WEBHOOK_PASSWORD, GATE_PASSWORD];

let db: TestDatabase;
let name: string;
let connection: Connection;
let client: Client;
let worker: WorkerProcess | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
  name = `secrecy-${randomBytes(6).toString('hex')}`;
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
});
afterEach(async () => {
  await worker?.kill();
  worker = undefined;
  await terminateAll(client, name);
  await connection.close();
  await db.drop();
});

/** Everything that Temporal stores about our workflows, with payloads as bytes. */
async function histories(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { workflowId, runId } of client.workflow.list({
    query: `WorkflowId STARTS_WITH '${name}'`,
  })) {
    const handle = client.workflow.getHandle(workflowId, runId);
    const whole = { history: await handle.fetchHistory(), description: (await handle.describe()).raw };
    found.set(workflowId, (found.get(workflowId) ?? '') + asText(whole));
  }
  return found;
}

/** Every text in it, and every payload decoded as text. */
function asText(value: unknown): string {
  if (value instanceof Uint8Array) return `${Buffer.from(value).toString()}\n`;
  if (typeof value === 'string') return `${value}\n`;
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(asText).join('');
}

/** Every row of schema reaper. */
async function rows(): Promise<string> {
  const { rows: relations } = await db.admin.query<{ relation: string }>(
    `select format('reaper.%I', relname) as relation from pg_class
      where relnamespace = 'reaper'::regnamespace and relkind in ('r', 'v')`,
  );
  const texts = await Promise.all(
    relations.map(async ({ relation }) => {
      const found = await db.admin.query<{ text: string }>(
        `select to_jsonb(t)::text as text from ${relation} t`,
      );
      return found.rows.map(({ text }) => text).join('\n');
    }),
  );
  return texts.join('\n');
}

/** A pipeline whose first gate cannot reach its database. */
async function pipelineFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-secrecy-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'pipeline.json');
  const stages = [
    { name: 'development', agent: 'developer', gate: { kind: 'sql', query: 'select true' }, next: 'done' },
    { name: 'done' },
  ];
  await writeFile(file, JSON.stringify({ stages }));
  return file;
}

it('is kept in histories, logs, errors and tables, whatever Telegram and the webhook answer', async () => {
  const [chat, hook] = [await startReceiver(), await startReceiver()];
  const bot = { ok: false, description: `no such bot: /bot${TOKEN}/sendMessage ${BOT_SECRET}` };
  const quoting: Answer[] = [429, 500, 401].map((status) => ({ status, body: bot }));
  chat.answer(...quoting, 'break', { status: 302, headers: { location: `/bot${TOKEN}` } }, { status: 200 });
  hook.answer(
    ...[500, 429, 404].map((status) => ({ status, body: `/${WEBHOOK_PATH} of ${WEBHOOK_PASSWORD}` })),
    'break',
    { status: 307, headers: { location: `/${WEBHOOK_PATH}` } },
    { status: 200 },
  );
  const failed = [];
  for (let n = 1; n <= 6; n += 1) {
    failed.push(await insertRunningJob(db.admin, { id: `j${n}`, attempts: 2, exitCode: 1, exitedS: 60 }));
  }
  const gated = { id: 'gated', stage: 'development', exitCode: 0, exitedS: 60 };
  const asked = await insertRunningJob(db.admin, { ...gated, attempts: 2 });

  const webhookUrl = new URL(`${hook.url}/hooks/${WEBHOOK_PATH}?token=${WEBHOOK_PATH}`);
  webhookUrl.username = 'hook';
  webhookUrl.password = WEBHOOK_PASSWORD;
  const env = {
    REAPER_NAME: name,
    DATABASE_URL: db.reaperUrl,
    REAPER_GATE_DATABASE_URL: `postgres://gates:${GATE_PASSWORD}@127.0.0.1:${await freePort()}/gates`,
    REAPER_PIPELINE: await pipelineFile(),
    TELEGRAM_BOT_TOKEN: TOKEN,
    TELEGRAM_CHAT_ID: '@operators',
    TELEGRAM_BASE_URL: chat.url,
    REAPER_WEBHOOK_URL: webhookUrl.href,
    REAPER_ADMIN_ADDR: String(await freePort()),
  };
  worker = new WorkerProcess(env);
  await eventually(
    'all notifications settled',
    async () => {
      const { rows: left } = await db.admin.query<{ settled: number }>(
        'select count(*) as settled from reaper.notification where not owed',
      );
      return left[0]?.settled === failed.length;
    },
    110_000,
  );
  // Then nothing listens any more: check what is logged about a failed connection.
  await Promise.all([chat.stop(), hook.stop()]);
  failed.push(await insertRunningJob(db.admin, { id: 'unsent', attempts: 2, exitCode: 1, exitedS: 60 }));
  await eventually('the failure to connect', async () => (await rows()).includes('not delivered'));

  await eventually(
    'the watch to say that its gate could not be asked',
    async () => [...(await histories()).values()].some((text) => text.includes('could not be asked')),
    110_000,
  );

  const known = await histories();
  const names = new Names(name);
  expect([...known.keys()].sort()).toEqual(
    [names.reaper, ...[...failed, asked].map((run) => names.watchId(run))].sort(),
  );
  const told = [...known.values()].join('\n');
  const status = await fetch(`http://127.0.0.1:${env.REAPER_ADMIN_ADDR}/status`);
  const { stdout, stderr } = await cli(['status', '--json'], {
    ...env,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
  });
  const places = {
    histories: told,
    log: worker.printed,
    tables: await rows(),
    status: await status.text(),
    cli: stdout + stderr,
  };
  // Checks that the search would find a secret.
  const findable: [keyof typeof places, string][] = [
    ['histories', 'telegram: HTTP 429: no such bot: /bot<hidden>/sendMessage'],
    ['histories', 'webhook: HTTP 500'],
    ['histories', 'ECONNREFUSED'],
    ['histories', 'the sql gate of stage'],
    ['log', 'no such bot: /bot<hidden>/sendMessage <hidden>'],
    ['log', '"channels":["telegram","webhook"]'],
    ['tables', 'exit=1'],
  ];
  for (const [place, text] of findable) expect(places[place].includes(text), `${place}: ${text}`).toBe(true);
  expect(JSON.parse(places.cli)).toMatchObject({ reaped_total: failed.length });
  for (const [place, text] of Object.entries(places)) expect(secretsIn(text, SECRETS), place).toEqual([]);
  expect(chat.requests.every(({ path }) => path.includes(TOKEN))).toBe(true);
  expect(hook.requests.every(({ path }) => path.includes(WEBHOOK_PATH))).toBe(true);
});

it('is kept even if the settings themselves are wrong', async () => {
  worker = new WorkerProcess({
    REAPER_NAME: name,
    DATABASE_URL: `mysql://u:${GATE_PASSWORD}@h/d`,
    TELEGRAM_BOT_TOKEN: BOT_SECRET,
    TELEGRAM_BASE_URL: `ftp://${WEBHOOK_PASSWORD}`,
    REAPER_WEBHOOK_URL: `hooks.example/${WEBHOOK_PATH}`,
  });
  expect(await worker.end()).toBe(1);
  for (const setting of ['DATABASE_URL', 'TELEGRAM_BOT_TOKEN', 'TELEGRAM_BASE_URL', 'REAPER_WEBHOOK_URL']) {
    expect(worker.printed).toContain(`${setting}: expected`);
  }
  expect(secretsIn(worker.printed, SECRETS)).toEqual([]);
});
