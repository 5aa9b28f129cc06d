import { describe, expect, it } from 'vitest';
import { createWebhook } from '../../src/notify/webhook.js';
import { explainCommand } from '../../src/notify/message.js';
import { freePort } from '../../servers/index.js';
import { aNotification } from './a-notification.js';
import { startReceiver, type Answer } from './receiver.js';

const SECRET = 'B0SuperSecretPath';

async function answeredWith(answer: Answer, timeoutMs = 20_000) {
  const receiver = await startReceiver();
  receiver.answer(answer);
  const webhook = createWebhook(`${receiver.url}/hooks/${SECRET}`);
  const delivery = await webhook.send(aNotification(), AbortSignal.timeout(timeoutMs));
  expect(receiver.requests).toHaveLength(1);
  expect(JSON.stringify(delivery)).not.toContain(SECRET);
  return delivery;
}

it('gets everything, with the key in a header too', async () => {
  const receiver = await startReceiver();
  const notification = aNotification();
  const webhook = createWebhook(`${receiver.url}/hooks/${SECRET}?channel=ops`);
  expect(await webhook.send(notification, AbortSignal.timeout(20_000))).toEqual({ result: 'sent' });
  expect(receiver.requests).toEqual([
    {
      method: 'POST',
      path: `/hooks/${SECRET}?channel=ops`,
      headers: expect.objectContaining({
        'content-type': 'application/json',
        'idempotency-key': notification.key,
      }) as unknown,
      body: {
        version: 1,
        idempotency_key: notification.key,
        kind: 'failed',
        job: '42',
        run: '2-1795486344339564',
        host: 'builder-3',
        agent: 'tester',
        repo: 'web',
        outcome: 'failed',
        reason: 'dead pid=4711',
        evidence: { liveness: { state: 'dead' } },
        explain: 'job-reaper explain 42',
        text: '🚨 reaper: job 42 (tester, repo web) reaped as FAILED: dead pid=4711',
      },
    },
  ]);
});

it.each([
  ['42', 'job-reaper explain 42'],
  ['a b', `job-reaper explain 'a b'`],
  [`it's $(id)`, `job-reaper explain 'it'\\''s $(id)'`],
  ['--json', 'job-reaper explain -- --json'],
])('contains the command that explains job %s, quoted for a shell', (jobId, command) => {
  expect(explainCommand(jobId)).toBe(command);
});

it('gets no command in a message about a host, because it is not about a job', async () => {
  const receiver = await startReceiver();
  const alert = aNotification({ kind: 'host without probe', jobId: null, runKey: null, outcome: null });
  await createWebhook(receiver.url).send(alert, AbortSignal.timeout(20_000));
  expect(receiver.requests[0]?.body).toMatchObject({ job: null, outcome: null, explain: null });
});

describe('an answer', () => {
  it.each([200, 201, 202, 204])('%i: sent', async (status) => {
    expect(await answeredWith({ status })).toEqual({ result: 'sent' });
  });

  it.each([500, 503, 408, 429])('%i: sent again later, when the server says so', async (status) => {
    expect(await answeredWith({ status, headers: { 'retry-after': '9' }, body: SECRET })).toEqual({
      result: 'not delivered',
      why: `HTTP ${status}`,
      retryAfterS: 9,
    });
  });

  it.each([
    [301, ''],
    [307, ''],
    [400, ''],
    [401, ': access denied'],
    [404, ': the webhook no longer exists'],
    [410, ': the webhook no longer exists'],
  ])('%i: refused, with the setting to check', async (status, hint) => {
    const headers = { location: `http://127.0.0.1:1/${SECRET}` };
    expect(await answeredWith({ status, headers, body: SECRET })).toEqual({
      result: 'refused',
      why: `HTTP ${status}${hint}; check REAPER_WEBHOOK_URL`,
    });
  });
});

describe('no answer', () => {
  it('in time: nobody knows', async () => {
    expect(await answeredWith('hang', 500)).toEqual({ result: 'unknown', why: 'no answer in time' });
  });

  it('because the connection broke: nobody knows', async () => {
    expect(await answeredWith('break')).toMatchObject({ result: 'unknown' });
  });

  it.each([
    ['nobody listens', async () => `http://127.0.0.1:${await freePort()}/${SECRET}`, 'ECONNREFUSED'],
    ['nobody knows the name', () => `http://${SECRET}.invalid/`, /ENOTFOUND|EAI_AGAIN/],
  ])('because %s: not delivered, and the address is not revealed', async (_, url, code) => {
    const delivery = await createWebhook(await url()).send(aNotification(), AbortSignal.timeout(20_000));
    expect(delivery.result).toBe('not delivered');
    expect((delivery as { why: string }).why).toMatch(code);
    expect(JSON.stringify(delivery).toLowerCase()).not.toContain(SECRET.toLowerCase());
  });
});
