import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createNotifyActivities } from '../../src/activities/notify.js';
import type { Queryable } from '../../src/db/database.js';
import { readDueKinds } from '../../src/db/notification.js';
import type { Digest } from '../../src/domain/notification.js';
import type { Channel } from '../../src/notify/channels.js';
import { createTelegram } from '../../src/notify/telegram.js';
import { createWebhook } from '../../src/notify/webhook.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction } from '../support/locks.js';
import { KeptLog } from '../support/quiet.js';
import { eventually } from '../support/wait.js';
import { startReceiver, type Receiver } from './receiver.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(() => db.clean());
afterAll(() => db.drop());

/** Failed jobs that people have to be told of. Every third one is the reviewer's. */
const owe = (count: number, from = 1, dueS = 0) =>
  db.admin.query(
    `insert into reaper.notification (key, kind, job_id, run_key, host, agent, repo, reason, text, due_at)
       select 'failed/job-' || n, 'failed', 'job-' || n, '1', 'host-1', case n % 3 when 0 then 'reviewer' else 'tester' end, 'web',
              case n % 2 when 0 then 'dead pid=' || 4000 + n else 'exit=1' end, 'job ' || n || ' failed',
              reaper.now() + make_interval(secs => $3)
         from generate_series($2::int, $2::int + $1::int - 1) n`,
    [count, from, dueS],
  );

interface Row {
  id: number;
  key: string;
  kind: string;
  owed: boolean;
  settledAs: string | null;
  digestId: number | null;
}
const rows = async () =>
  (
    await db.admin.query<Row>(
      `select id, key, kind, owed, settled_as as "settledAs", digest_id as "digestId" from reaper.notification order by id`,
    )
  ).rows;
/** Lets a minute pass for what was not delivered. */
const laterDue = () => db.admin.query(`update reaper.notification set due_at = reaper.now() where owed`);

const telegram = (receiver: Receiver) =>
  createTelegram({ token: '123456:secret', chatId: '1', baseUrl: receiver.url });
const activities = (channels: Channel[]) =>
  createNotifyActivities({ pool: db.reaper, log: new KeptLog(), channels, timeoutMs: 2_000 });

it('makes one message of six of a kind, and sends five each by itself', async () => {
  const [chat, hook] = [await startReceiver(), await startReceiver()];
  const sender = activities([telegram(chat), createWebhook(hook.url)]);
  await owe(5);
  expect(await readDueKinds(db.reaper)).toEqual(['failed']);
  expect(await sender.settleDue('failed')).toEqual([]);
  expect([chat.requests.length, hook.requests.length]).toEqual([5, 5]);

  await owe(6, 6);
  expect(await sender.settleDue('failed')).toEqual([]);
  expect([chat.requests.length, hook.requests.length]).toEqual([6, 6]);
  const text =
    '🚨 reaper: 6 jobs reaped as FAILED: 2 of tester (dead pid), 2 of tester (exit=1), 1 of reviewer (dead pid), 1 of reviewer (exit=1); ' +
    'the first are job-6, job-7, job-8, job-9, job-10. List them: job-reaper ledger --limit 6';
  expect(chat.requests[5]?.body['text']).toBe(text);
  const [digest] = (await rows()).slice(-1);
  expect(hook.requests[5]?.headers['idempotency-key']).toBe(digest?.key);
  expect(hook.requests[5]?.body).toEqual({
    version: 2,
    idempotency_key: digest?.key,
    kind: 'digest',
    job: null,
    run: null,
    host: null,
    agent: null,
    repo: null,
    outcome: null,
    reason: 'failed',
    evidence: null,
    explain: null,
    text,
    digest: {
      of: 'failed',
      count: 6,
      groups: [
        { agent: 'tester', reason: 'dead pid', count: 2 },
        { agent: 'tester', reason: 'exit=1', count: 2 },
        { agent: 'reviewer', reason: 'dead pid', count: 1 },
        { agent: 'reviewer', reason: 'exit=1', count: 1 },
      ],
      first: ['job-6', 'job-7', 'job-8', 'job-9', 'job-10'],
      list: 'job-reaper ledger --limit 6',
    },
  });
  expect(digest).toMatchObject({ kind: 'digest', owed: false, settledAs: 'sent' });
  for (const row of (await rows()).slice(5, 11))
    expect(row).toMatchObject({ owed: false, settledAs: 'digest', digestId: digest?.id });
  expect(await readDueKinds(db.reaper)).toEqual([]);
});

it('sends the same set with the same key until the webhook takes it, whatever is due meanwhile, and to Telegram once', async () => {
  const [chat, hook] = [await startReceiver(), await startReceiver()];
  hook.answer({ status: 500 }, 'break', { status: 200 });
  const sender = activities([telegram(chat), createWebhook(hook.url)]);
  await owe(8);
  const [id = NaN] = await sender.settleDue('failed');
  await owe(7, 100);
  await expect(sender.settleOwed(id)).rejects.toThrow(ApplicationFailure);
  await sender.settleOwed(id);
  const digests = hook.requests.map(({ body }) => body);
  expect(digests).toHaveLength(3);
  expect(digests[1]).toEqual(digests[0]);
  expect(digests[2]).toEqual(digests[0]);
  expect(digests[0]).toMatchObject({ digest: { count: 8 } });
  expect(chat.requests).toHaveLength(1);

  await sender.settleDue('failed');
  expect(hook.requests[3]?.body).toMatchObject({ digest: { count: 7 } });
  expect(hook.requests[3]?.headers['idempotency-key']).not.toBe(hook.requests[0]?.headers['idempotency-key']);
});

it('is sent by a later sweep if the worker died after it was committed', async () => {
  const hook = await startReceiver();
  await owe(9);
  await db.reaper.query(`select reaper.gather_digest('failed')`);
  expect(await readDueKinds(db.reaper)).toEqual(['digest']);
  await activities([createWebhook(hook.url)]).settleDue('digest');
  expect(hook.requests.map(({ body }) => body['kind'])).toEqual(['digest']);
});

it('leaves out what is not due, what was attempted before, what others are at, and what is a day old', async () => {
  const hook = await startReceiver();
  hook.answer({ status: 500 }, { status: 200 });
  const sender = activities([createWebhook(hook.url)]);
  await owe(1);
  await expect(sender.settleOwed(1)).rejects.toThrow(ApplicationFailure);
  await laterDue();
  await owe(2, 2, 60);
  await owe(1, 4);
  await db.admin.query(`update reaper.notification set at = reaper.now() - interval '25 hours' where id = 4`);
  await owe(1, 5);
  const open = await OpenTransaction.begin(db.admin);
  await open.run('select from reaper.notification where id = 5 for update');
  await owe(6, 6);
  // The activity would wait for the locked one.
  await db.reaper.query(`select reaper.gather_digest('failed')`);
  await open.rollback();
  const digested = (await rows()).flatMap(({ id, digestId }) => (digestId === null ? [] : id));
  expect(digested).toEqual([6, 7, 8, 9, 10, 11]);
  await sender.settleDue('failed');
  expect((await rows()).filter(({ owed }) => owed).map(({ id, kind }) => [id, kind])).toEqual([
    [2, 'failed'],
    [3, 'failed'],
    [12, 'digest'],
  ]);
});

it('leaves a message to a later sweep if the channel says when to send it again, and others to the caller', async () => {
  const [chat, hook] = [await startReceiver(), await startReceiver()];
  chat.answer({ status: 429, body: { ok: false, parameters: { retry_after: 30 } } });
  hook.answer({ status: 500 });
  await owe(2);
  expect(await activities([telegram(chat)]).settleDue('failed')).toEqual([]);
  expect((await rows()).map(({ owed }) => owed)).toEqual([true, true]);
  await owe(1, 3);
  expect(await activities([createWebhook(hook.url)]).settleDue('failed')).toEqual([3]);
});

it('leaves out what is being sent, however slow the channel is', async () => {
  const hook = await startReceiver();
  let end: () => void = () => undefined;
  hook.answer(
    (response) => {
      end = () => response.writeHead(200).end();
    },
    { status: 200 },
  );
  const sender = activities([createWebhook(hook.url)]);
  await owe(1);
  const sending = sender.settleOwed(1);
  await eventually('the request', () => hook.requests.length === 1);
  await owe(6, 2);
  await sender.settleDue('failed');
  end();
  await sending;
  expect(
    hook.requests.map(({ body: { kind, digest } }) => [kind, (digest as Digest | undefined)?.count]),
  ).toEqual([
    ['failed', undefined],
    ['digest', 6],
  ]);
  expect(await rows()).toContainEqual(expect.objectContaining({ id: 1, owed: false, settledAs: 'sent' }));
});

it('is not sent beside one of its messages that somebody else had read before', async () => {
  const hook = await startReceiver();
  await owe(6);
  let isGathered = false;
  const pool: Queryable = {
    async query(text, values) {
      const result = await db.reaper.query<never>(text, values);
      if (!isGathered && text.includes('from reaper.notification n')) {
        isGathered = true;
        await db.reaper.query(`select reaper.gather_digest('failed')`);
      }
      return result;
    },
  };
  const sender = createNotifyActivities({ pool, log: new KeptLog(), channels: [createWebhook(hook.url)] });
  await sender.settleOwed(3);
  expect([isGathered, hook.requests]).toEqual([true, []]);
});

it('settles all without a digest if there is no channel', async () => {
  await owe(9);
  await activities([]).settleDue('failed');
  expect((await rows()).every(({ owed, settledAs }) => !owed && settledAs === 'no channel')).toBe(true);
});

it('keeps different kinds apart', async () => {
  const hook = await startReceiver();
  await owe(6);
  await db.admin.query(
    `insert into reaper.notification (key, kind, host, reason, text, due_at)
       select 'h' || n, 'host without probe', 'host-' || n, 'no probe answers since 2026-02-03T05:06:0' || n || 'Z', 't', reaper.now()
         from generate_series(1, 7) n`,
  );
  const sender = activities([createWebhook(hook.url)]);
  for (const kind of await readDueKinds(db.reaper)) await sender.settleDue(kind);
  expect(hook.requests.map(({ body }) => body['text'])).toEqual([
    expect.stringContaining('6 jobs reaped as FAILED'),
    '⚠️ reaper: no probe answers on 7 hosts: their running jobs are unknown, none of them is reaped by a dead pid: 7 no probe answers; ' +
      'the first are host-1, host-2, host-3, host-4, host-5. List them: job-reaper status',
  ]);
});
