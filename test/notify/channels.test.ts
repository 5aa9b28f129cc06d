import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createNotifyActivities } from '../../src/activities/notify.js';
import { keepChannels } from '../../src/db/notification.js';
import { readFleetNumbers } from '../../src/db/fleet-numbers.js';
import { readStatus } from '../../src/db/status.js';
import type { Status } from '../../src/domain/status.js';
import type { Channel } from '../../src/notify/channels.js';
import { createTelegram } from '../../src/notify/telegram.js';
import { createWebhook } from '../../src/notify/webhook.js';
import { examine, patientOf } from '../cli/doctor/support.js';
import { claimRun } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { KeptLog } from '../support/quiet.js';
import { insertRunningJob } from '../support/rows.js';
import { startReceiver, type Answer, type Receiver } from './receiver.js';

const TOKEN = '123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';

let db: TestDatabase;
let log: KeptLog;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.clean();
  log = new KeptLog();
});

const telegram = (receiver: Receiver) =>
  createTelegram({ token: TOKEN, chatId: '-42', baseUrl: receiver.url });
const settling = (channels: Channel[]) => createNotifyActivities({ pool: db.reaper, log, channels });

async function owed(): Promise<number> {
  const run = await insertRunningJob(db.admin, { agent: 'tester' });
  const { notificationId } = await claimRun(db.reaper, run, { outcome: 'failed' });
  return notificationId ?? 0;
}

const failing = async (): Promise<Status['failing_channels']> =>
  (await readStatus(db.reaper)).failing_channels;

describe.each<[string, (receiver: Receiver) => Channel, Answer, string]>([
  [
    'Telegram whose group became a supergroup',
    telegram,
    {
      status: 400,
      body: {
        ok: false,
        description: 'Bad Request: group chat was upgraded to a supergroup chat',
        parameters: { migrate_to_chat_id: -1001234567890 },
      },
    },
    'set TELEGRAM_CHAT_ID=-1001234567890',
  ],
  [
    'Telegram whose token was revoked',
    telegram,
    { status: 401, body: { ok: false, description: 'Unauthorized' } },
    'set TELEGRAM_BOT_TOKEN',
  ],
  [
    'Telegram whose bot was blocked',
    telegram,
    { status: 403, body: { ok: false, description: 'Forbidden: bot was kicked from the group chat' } },
    'add it to the chat',
  ],
  ['Telegram that may or may not have taken it', telegram, { status: 502 }, 'HTTP 502'],
  [
    'a webhook that is gone',
    ({ url }) => createWebhook(url),
    { status: 410 },
    'the webhook no longer exists',
  ],
  [
    'a webhook that is unknown',
    ({ url }) => createWebhook(url),
    { status: 404 },
    'the webhook no longer exists',
  ],
  ['a webhook that denies access', ({ url }) => createWebhook(url), { status: 401 }, 'access denied'],
])('%s', (_, channelTo, answer, why) => {
  it('is named in log, status, metrics and doctor until a message arrives again', async () => {
    const receiver = await startReceiver();
    const activities = settling([channelTo(receiver)]);
    const settle = (id: number) => activities.settleOwed(id);
    const { name } = channelTo(receiver);
    const patient = patientOf(db);
    expect(await examine('notifications', patient)).toMatchObject([{ level: 'ok' }]);

    receiver.answer(answer);
    const [first, second] = [await owed(), await owed()];
    await settle(first);
    const since = (await failing())[0]?.since;
    await settle(second);
    await settle(second);
    expect(await failing()).toEqual([
      { channel: name, since, why: expect.stringContaining(why) as string, lost: 2 },
    ]);
    expect(log.lines).toEqual([expect.stringContaining(why), expect.stringContaining(why)]);
    expect(await examine('notifications', patient)).toMatchObject([
      { level: 'fail', got: expect.stringContaining(why) as string },
    ]);
    expect(await readFleetNumbers(db.reaper)).toMatchObject({
      lostMessages: { [name]: 2 },
      failingChannels: 1,
    });

    receiver.answer({ status: 200, body: { ok: true } });
    await settle(await owed());
    expect(await failing()).toEqual([]);
    expect(await examine('notifications', patient)).toMatchObject([{ level: 'ok' }]);
    expect(await readFleetNumbers(db.reaper)).toMatchObject({
      lostMessages: { [name]: 2 },
      failingChannels: 0,
    });
    await patient.close();
  });
});

it('a message is lost once, however many try to settle it at the same time', async () => {
  const receiver = await startReceiver();
  receiver.answer({ status: 410 });
  const id = await owed();
  await Promise.all(Array.from({ length: 5 }, () => settling([createWebhook(receiver.url)]).settleOwed(id)));
  expect(await failing()).toMatchObject([{ lost: 1 }]);
});

it('a message that a channel did not accept for a day is lost; one that another channel accepted is not', async () => {
  const receiver = await startReceiver();
  const id = await owed();
  await db.admin.query(
    `update reaper.notification
        set at = reaper.now() - interval '25 h', deliveries = '{"telegram": "sent", "webhook": "not delivered"}'
      where id = $1`,
    [id],
  );
  await settling([telegram(receiver), createWebhook(receiver.url)]).settleOwed(id);
  expect(await failing()).toMatchObject([{ channel: 'webhook', lost: 1, why: 'not delivered for a day' }]);
});

it('a channel that is no longer used is not reported', async () => {
  const receiver = await startReceiver();
  receiver.answer({ status: 410 });
  await settling([createWebhook(receiver.url)]).settleOwed(await owed());
  await keepChannels(db.reaper, ['telegram', 'webhook']);
  expect(await failing()).toHaveLength(1);
  await keepChannels(db.reaper, ['telegram']);
  expect(await failing()).toEqual([]);
});

it('a worker of the previous version keeps working, without a reason', async () => {
  const id = await owed();
  await db.reaper.query('select reaper.note_delivery($1, $2, $3)', [id, 'webhook', 'refused']);
  await db.reaper.query('select reaper.note_delivery(p_id => $1, p_channel => $2, p_result => $3)', [
    id,
    'telegram',
    'not delivered',
  ]);
  expect(await failing()).toMatchObject([{ channel: 'webhook', lost: 1, why: 'refused' }]);
});
