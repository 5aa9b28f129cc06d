import { setTimeout } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNotifyActivities } from '../../src/activities/notify.js';
import { readDueNotifications, readNotification } from '../../src/db/notification.js';
import type { Channel } from '../../src/notify/channels.js';
import { createTelegram } from '../../src/notify/telegram.js';
import { createWebhook } from '../../src/notify/webhook.js';
import { claimRun } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { KeptLog } from '../support/quiet.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { startReceiver, type Receiver } from './receiver.js';

const TOKEN = '123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';

let db: TestDatabase;
let log: KeptLog;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(() => {
  log = new KeptLog();
});
afterAll(() => db.drop());

/** Claims a job that fails. Returns the notification that this owes. */
async function aFailedClaim(): Promise<number> {
  const run = await insertRunningJob(db.admin, { agent: 'tester' });
  const { notificationId } = await claimRun(db.reaper, run, { outcome: 'failed' });
  if (notificationId === null) throw new Error('Expected the claim to owe a notification, got none');
  return notificationId;
}

const telegram = (receiver: Receiver) => createTelegram({ token: TOKEN, chatId: '1', baseUrl: receiver.url });
const webhook = (receiver: Receiver) => createWebhook(receiver.url);

function settling(channels: Channel[], timeoutMs = 10_000): (id: number) => Promise<void> {
  const activities = createNotifyActivities({ pool: db.reaper, log, channels, timeoutMs });
  return (id) => activities.settleOwed(id);
}

interface Row {
  owed: boolean;
  settled_as: string | null;
  deliveries: Record<string, string>;
  /** Whether a sweep leaves it to others for now. */
  later: boolean;
  taken: boolean;
}

async function read(id: number): Promise<Row> {
  const { rows } = await db.admin.query<Row>(
    `select owed, settled_as, deliveries, due_at > reaper.now() + interval '30 s' as later,
            telegram_at is not null as taken
       from reaper.notification where id = $1`,
    [id],
  );
  if (rows[0] === undefined) throw new Error(`Expected notification ${id}, got none`);
  return rows[0];
}

async function failure(work: Promise<void>): Promise<ApplicationFailure> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ApplicationFailure) return error;
  throw new Error('Expected an ApplicationFailure', { cause: error });
}

describe('without a channel', () => {
  it('nothing is owed any more, and nothing is sent', async () => {
    const id = await aFailedClaim();
    await settling([])(id);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'no channel' });
    expect(log.lines).toEqual([]);
  });
});

describe('both channels', () => {
  it('get a message immediately, once, and never again', async () => {
    const [chat, hook] = [await startReceiver(), await startReceiver()];
    const id = await aFailedClaim();
    const settle = settling([telegram(chat), webhook(hook)]);
    await settle(id);
    await settle(id);
    expect([chat.requests.length, hook.requests.length]).toEqual([1, 1]);
    expect(chat.requests[0]?.body['text']).toBe(hook.requests[0]?.body['text']);
    expect(hook.requests[0]?.headers['idempotency-key']).toMatch(/^failed\/job-\d+\//);
    expect(await read(id)).toMatchObject({
      owed: false,
      settled_as: 'sent',
      deliveries: { telegram: 'sent', webhook: 'sent' },
    });
  });

  it('do not wait for each other if one hangs', async () => {
    const [chat, hook] = [await startReceiver(), await startReceiver()];
    hook.answer('hang');
    const id = await aFailedClaim();
    const { message } = await failure(settling([telegram(chat), webhook(hook)], 500)(id));
    expect(chat.requests).toHaveLength(1);
    expect(message).toBe(
      `Expected notification ${id} to be delivered, got webhook: no answer in time: it stays owed`,
    );
    hook.answer({ status: 200 });
    await settling([telegram(chat), webhook(hook)])(id);
    expect([chat.requests.length, hook.requests.length]).toEqual([1, 2]);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'sent' });
  });
});

describe('Telegram: at most once', () => {
  it.each([
    ['500', { status: 500 }],
    ['a broken connection', 'break'],
    ['a hang', 'hang'],
  ] as const)('after %s it may have arrived: not sent again, and logged', async (_, answer) => {
    const chat = await startReceiver();
    chat.answer(answer);
    const id = await aFailedClaim();
    const settle = settling([telegram(chat)], 500);
    await settle(id);
    await settle(id);
    expect(chat.requests).toHaveLength(1);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'given up' });
    expect(log.lines).toEqual([expect.stringMatching(/^telegram: may not have arrived, not sent again \(/)]);
  });

  it('after a 429 it is sent again when Telegram says so, but within a minute', async () => {
    const chat = await startReceiver();
    const tooMany = (seconds: number) => ({ status: 429, body: { parameters: { retry_after: seconds } } });
    chat.answer(tooMany(7), tooMany(4000), { status: 200 });
    const id = await aFailedClaim();
    const settle = settling([telegram(chat)]);
    expect(await failure(settle(id))).toMatchObject({ type: 'NotDelivered', nextRetryDelay: 7_000 });
    expect(await read(id)).toMatchObject({ owed: true, taken: false, later: true });
    expect(await failure(settle(id))).toMatchObject({ nextRetryDelay: 60_000 });
    await settle(id);
    expect(chat.requests).toHaveLength(3);
    expect(await read(id)).toMatchObject({
      owed: false,
      settled_as: 'sent',
      deliveries: { telegram: 'sent' },
    });
  });

  it('with a bad token it is refused and not sent again, and the log says which settings to check', async () => {
    const chat = await startReceiver();
    chat.answer({ status: 401, body: { ok: false, description: 'Unauthorized' } });
    const id = await aFailedClaim();
    await settling([telegram(chat)])(id);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'given up' });
    expect(log.lines).toEqual([
      expect.stringMatching(
        /^telegram: refused, not sent again \(HTTP 401: Unauthorized; Telegram does not know this bot: set TELEGRAM_BOT_TOKEN to its current token\): 🚨/u,
      ),
    ]);
  });

  it('while one is sending it, another sends nothing and leaves it owed', async () => {
    const chat = await startReceiver();
    const id = await aFailedClaim();
    const unanswered: (() => void)[] = [];
    chat.answer((response) => unanswered.push(() => response.writeHead(200).end('{}')));
    const first = settling([telegram(chat)])(id);
    await eventually('the request', () => chat.requests.length === 1);
    const second = await failure(settling([telegram(chat)])(id));
    expect(second.message).toContain('telegram: another worker is sending it');
    expect(second.nextRetryDelay).toBeGreaterThan(0);
    unanswered.forEach((answer) => answer());
    await first;
    expect(chat.requests).toHaveLength(1);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'sent' });
  });

  it('ten at the same time send one message', async () => {
    const chat = await startReceiver();
    chat.answer((response) => void setTimeout(200).then(() => response.writeHead(200).end('{}')));
    const id = await aFailedClaim();
    await Promise.allSettled(Array.from({ length: 10 }, () => settling([telegram(chat)])(id)));
    expect(chat.requests).toHaveLength(1);
  });

  it('if its sender died, it is not sent again: it may have arrived', async () => {
    const chat = await startReceiver();
    const id = await aFailedClaim();
    await db.reaper.query('select reaper.take_for_telegram($1)', [id]);
    await db.admin.query(
      `update reaper.notification set telegram_at = reaper.now() - interval '21 s' where id = $1`,
      [id],
    );
    await settling([telegram(chat)])(id);
    expect(chat.requests).toHaveLength(0);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'given up' });
    expect(log.lines).toEqual([expect.stringContaining('the worker that sent it died')]);
  });
});

describe('the webhook: at least once, with its key', () => {
  it.each([
    ['500', { status: 500 }],
    ['429', { status: 429, headers: { 'retry-after': '3' } }],
    ['a broken connection', 'break'],
    ['a hang', 'hang'],
  ] as const)('after %s the very same is sent again', async (_, answer) => {
    const hook = await startReceiver();
    hook.answer(answer, { status: 200 });
    const id = await aFailedClaim();
    const settle = settling([webhook(hook)], 500);
    const again = await failure(settle(id));
    expect(again.nextRetryDelay).toBe(
      typeof answer === 'object' && answer.status === 429 ? 3_000 : undefined,
    );
    expect(await read(id)).toMatchObject({ owed: true, later: true });
    await settle(id);
    expect(hook.requests).toHaveLength(2);
    expect(hook.requests[1]?.body).toEqual(hook.requests[0]?.body);
    expect(hook.requests[1]?.headers['idempotency-key']).toBe(hook.requests[0]?.headers['idempotency-key']);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'sent' });
  });

  it('is sent again if its sender died before it could record the delivery', async () => {
    const hook = await startReceiver();
    const id = await aFailedClaim();
    const notification = await readNotification(db.reaper, id);
    if (notification === null) throw new Error('Expected the notification, got none');
    await webhook(hook).send(notification, AbortSignal.timeout(10_000));
    await settling([webhook(hook)])(id);
    const keys = hook.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([notification.key, notification.key]);
  });

  it('if refused permanently, it is not sent again, and logged in one line', async () => {
    const hook = await startReceiver();
    hook.answer({ status: 404 });
    const id = await aFailedClaim();
    await settling([webhook(hook)])(id);
    await settling([webhook(hook)])(id);
    expect(hook.requests).toHaveLength(1);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'given up' });
    expect(log.lines).toEqual([
      expect.stringMatching(
        /^webhook: refused, not sent again \(HTTP 404: the webhook no longer exists; check REAPER_WEBHOOK_URL\): 🚨/u,
      ),
    ]);
  });

  it('is not sent again if refused, while Telegram asks to wait', async () => {
    const [chat, hook] = [await startReceiver(), await startReceiver()];
    chat.answer({ status: 429 }, { status: 200 });
    hook.answer({ status: 410 });
    const id = await aFailedClaim();
    const settle = settling([telegram(chat), webhook(hook)]);
    await failure(settle(id));
    await settle(id);
    expect([chat.requests.length, hook.requests.length]).toEqual([2, 1]);
    expect(await read(id)).toMatchObject({ settled_as: 'sent' });
  });
});

it('a channel that throws, against its contract, does not undo what another did', async () => {
  const chat = await startReceiver();
  const broken: Channel = {
    name: 'webhook',
    send: () => Promise.reject(new Error('a bug')),
  };
  const id = await aFailedClaim();
  const settle = settling([broken, telegram(chat)]);
  await expect(settle(id)).rejects.toThrow('a bug');
  await expect(settle(id)).rejects.toThrow('a bug');
  expect(chat.requests).toHaveLength(1);
  expect(await read(id)).toMatchObject({ owed: true, deliveries: { telegram: 'sent' } });
});

describe('an owed notification', () => {
  it('is left to the watch that claimed; if that is gone, a sweep settles it', async () => {
    const id = await aFailedClaim();
    expect(await readDueNotifications(db.reaper, 100)).not.toContain(id);
    await db.admin.query(`update reaper.notification set due_at = reaper.now() where id = $1`, [id]);
    expect(await readDueNotifications(db.reaper, 100)).toContain(id);
  });

  it('is given up after a day, with one log line', async () => {
    const hook = await startReceiver();
    const id = await aFailedClaim();
    await db.admin.query(
      `update reaper.notification set at = reaper.now() - interval '24 h 1 s', due_at = reaper.now() where id = $1`,
      [id],
    );
    const settle = settling([webhook(hook)]);
    await settle(id);
    await settle(id);
    expect(hook.requests).toHaveLength(0);
    expect(await read(id)).toMatchObject({ owed: false, settled_as: 'given up' });
    expect(log.lines).toEqual([
      expect.stringMatching(/^given up after a day, not delivered on every channel: 🚨/u),
    ]);
  });

  it('that does not exist is ignored', async () => {
    await settling([webhook(await startReceiver())])(999_999);
    expect(log.lines).toEqual([]);
  });

  it('never blocks a claim, and only a failed job owes one', async () => {
    for (const outcome of ['queued', 'done'] as const) {
      const run = await insertRunningJob(db.admin);
      expect(await claimRun(db.reaper, run, { outcome })).toMatchObject({
        result: 'won',
        notificationId: null,
      });
    }
  });
});
