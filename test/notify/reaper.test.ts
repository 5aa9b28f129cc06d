import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTelegram } from '../../src/notify/telegram.js';
import { createWebhook } from '../../src/notify/webhook.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { FAST, startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { insertRunningJob, readJob, type RunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { startReceiver, type Receiver } from './receiver.js';

/** A run whose attempts are used up: it fails at its first observation. */
const SPENT: RunningJob = { agent: 'tester', attempts: 2, exitCode: 1, exitedS: 60 };

let db: TestDatabase;
let reaper: TestReaper | undefined;
let chat: Receiver;
let hook: Receiver;

beforeEach(async () => {
  db = await createTestDatabase();
  [chat, hook] = [await startReceiver(), await startReceiver()];
});
afterEach(async () => {
  // First, because a worker does not end before messages that hang.
  await Promise.all([chat.stop(), hook.stop()]);
  await reaper?.stop();
  reaper = undefined;
  await endProcesses();
  await db.drop();
});

async function start(options?: TestReaperOptions): Promise<TestReaper> {
  const channels = [
    createTelegram({ token: '1:secret', chatId: '@ops', baseUrl: chat.url }),
    createWebhook(hook.url),
  ];
  reaper = await startReaper(db, { channels, ...options });
  return reaper;
}

const status = async (id: string) => (await readJob(db.admin, id))['status'];
const texts = ({ requests }: Receiver) => requests.map(({ body }) => body['text']);

interface Row {
  kind: string;
  owed: boolean;
  settledAs: string | null;
  deliveries: Record<string, string>;
}

async function notifications(): Promise<Row[]> {
  const { rows } = await db.admin.query<Row>(
    `select kind, owed, settled_as as "settledAs", deliveries from reaper.notification order by id`,
  );
  return rows;
}

const SETTLED = { owed: false, settledAs: 'sent', deliveries: { telegram: 'sent', webhook: 'sent' } };

describe('a failed job', () => {
  it('is reported on every channel, with who, what and why', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1', ...SPENT });
    const { watch } = await start();
    await eventually('the watch', () => watch(run).describe());
    await watch(run).result();
    expect(texts(chat)).toEqual(['🚨 reaper: job j1 (tester, repo web) reaped as FAILED: exit=1']);
    expect(hook.requests).toHaveLength(1);
    expect(hook.requests[0]?.body).toMatchObject({
      version: 1,
      idempotency_key: `failed/j1/${run.runKey}`,
      kind: 'failed',
      job: 'j1',
      run: run.runKey,
      host: 'host-1',
      agent: 'tester',
      repo: 'web',
      outcome: 'failed',
      reason: 'exit=1',
      evidence: { exitCode: 1 },
      explain: 'job-reaper explain j1',
      text: '🚨 reaper: job j1 (tester, repo web) reaped as FAILED: exit=1',
    });
    expect(await notifications()).toEqual([{ kind: 'failed', ...SETTLED }]);
  });

  it('is the only one reported: requeued and done jobs are not', async () => {
    await insertRunningJob(db.admin, { id: 'again', exitCode: 1, exitedS: 60 });
    await insertRunningJob(db.admin, { id: 'done', exitCode: 0, exitedS: 60 });
    const { sweepNow } = await start();
    await eventually(
      'both',
      async () => (await status('again')) === 'queued' && (await status('done')) === 'done',
    );
    await sweepNow();
    expect([texts(chat), texts(hook)]).toEqual([[], []]);
    expect(await notifications()).toEqual([]);
  });

  it('is reaped before it is reported: channels that hang delay neither its claim nor others', async () => {
    chat.answer('hang');
    hook.answer('hang');
    await insertRunningJob(db.admin, { id: 'j1', ...SPENT });
    await start();
    await eventually('both channels to hang', () => chat.requests.length + hook.requests.length === 2);
    expect(await status('j1')).toBe('failed');
    // While they hang, the next dead job is found and reaped.
    await insertRunningJob(db.admin, { id: 'j2', exitCode: 1, exitedS: 60 });
    await eventually('the other job', async () => (await status('j2')) === 'queued');
    expect(await notifications()).toMatchObject([{ owed: true, deliveries: {} }]);
  });

  it('stays reaped even if every channel refuses the notification', async () => {
    chat.answer({ status: 401 });
    hook.answer({ status: 404 });
    const run = await insertRunningJob(db.admin, { id: 'j1', ...SPENT });
    const { watch, log } = await start();
    await eventually('the watch', () => watch(run).describe());
    expect(await watch(run).result()).toMatchObject({ outcome: 'failed' });
    expect(await status('j1')).toBe('failed');
    expect(await notifications()).toMatchObject([{ owed: false, settledAs: 'given up' }]);
    expect(log.lines.filter((line) => line.includes('refused, not sent again'))).toHaveLength(2);
  });

  it('is reported to Telegram once its 429 allows it, and to the webhook after its 500', async () => {
    chat.answer({ status: 429, body: { parameters: { retry_after: 1 } } }, { status: 200 });
    hook.answer({ status: 500 }, { status: 200 });
    const run = await insertRunningJob(db.admin, { id: 'j1', ...SPENT });
    const { watch } = await start();
    await eventually('the watch', () => watch(run).describe());
    await watch(run).result();
    expect([chat.requests.length, hook.requests.length]).toEqual([2, 2]);
    expect(hook.requests[1]?.headers['idempotency-key']).toBe(`failed/j1/${run.runKey}`);
    expect(await notifications()).toEqual([{ kind: 'failed', ...SETTLED }]);
  });
});

describe('a notification whose watch is gone', () => {
  it('is settled by a sweep: sent to the webhook again with its key, but not to Telegram, where it may have arrived', async () => {
    chat.answer('break');
    hook.answer({ status: 500 });
    const run = await insertRunningJob(db.admin, { id: 'j1', ...SPENT });
    const { watch, sweepNow, log } = await start();
    await eventually('a sending on each', async () => {
      const [row] = await notifications();
      return Object.keys(row?.deliveries ?? {}).length === 2;
    });
    await watch(run).terminate();
    hook.answer({ status: 200 });
    const before = hook.requests.length;
    // A sweep leaves it to its watch for two minutes.
    await sweepNow();
    await sweepNow();
    expect(hook.requests.length).toBeLessThanOrEqual(before + 1);
    await db.admin.query('update reaper.notification set due_at = reaper.now() where owed');
    await sweepNow();
    await eventually('it settled', async () => {
      expect(await notifications()).toMatchObject([
        { owed: false, settledAs: 'sent', deliveries: { telegram: 'unknown', webhook: 'sent' } },
      ]);
      return true;
    });
    expect(chat.requests).toHaveLength(1);
    const keys = hook.requests.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys)).toEqual(new Set([`failed/j1/${run.runKey}`]));
    expect(log.lines.filter((line) => line.startsWith('telegram: may not have arrived'))).toHaveLength(1);
  });
});

describe('alerts', () => {
  it('a run proven alive over its ceiling: sent once, however often it is seen, by any reaper', async () => {
    await insertRunningJob(db.admin, { id: 'late', startedS: 100, ...startProcess() });
    const { sweepNow, handle, startReaperWorkflow } = await start({ policy: { ...FAST, maxRunningS: 100 } });
    await eventually('the alert', () => chat.requests.length + hook.requests.length === 2);
    await sweepNow();
    await handle.terminate();
    await startReaperWorkflow();
    await sweepNow();
    await sweepNow();
    const text = expect.stringMatching(
      /^⚠️ reaper: job late \(developer, repo web\) is proven alive but over its ceiling: backstop age=\d+s>=100s$/u,
    ) as unknown;
    expect([texts(chat), texts(hook)]).toEqual([[text], [text]]);
    expect(hook.requests[0]?.body).toMatchObject({
      kind: 'backstop alive',
      job: 'late',
      outcome: null,
      evidence: null,
      explain: 'job-reaper explain late',
    });
    expect(await status('late')).toBe('running');
  });

  it('a host without a probe: sent once, after three intervals, while other hosts’ jobs are repaired', async () => {
    await insertRunningJob(db.admin, { id: 'far', host: 'host-9' });
    const { sweepNow } = await start();
    await eventually('the alert', () => chat.requests.length + hook.requests.length === 2);
    await insertRunningJob(db.admin, { id: 'near', exitCode: 1, exitedS: 60 });
    await eventually('the other job', async () => (await status('near')) === 'queued');
    for (let n = 0; n < 4; n += 1) await sweepNow();
    const text = expect.stringMatching(/^⚠️ reaper: no probe answers on host host-9 since /u) as unknown;
    expect([texts(chat), texts(hook)]).toEqual([[text], [text]]);
    expect(hook.requests[0]?.body).toMatchObject({ kind: 'host without probe', host: 'host-9', job: null });
    expect(await status('far')).toBe('running');
  });

  it('that cannot be sent do not delay sweeps', async () => {
    chat.answer('hang');
    hook.answer('hang');
    await insertRunningJob(db.admin, { id: 'late', startedS: 100, ...startProcess() });
    const { sweepNow } = await start({ policy: { ...FAST, maxRunningS: 100 } });
    await eventually('both channels to hang', () => chat.requests.length + hook.requests.length === 2);
    const { number } = await sweepNow();
    expect((await sweepNow()).number).toBeGreaterThan(number);
    expect(await notifications()).toMatchObject([{ owed: true }]);
  });
});
