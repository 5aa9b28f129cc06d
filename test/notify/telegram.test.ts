import { describe, expect, it } from 'vitest';
import type { Delivery } from '../../src/domain/notification.js';
import { createTelegram } from '../../src/notify/telegram.js';
import { freePort } from '../../servers/index.js';
import { aNotification } from './a-notification.js';
import { startReceiver, type Answer, type Receiver } from './receiver.js';

const SECRET = 'AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw';
const TOKEN = `123456:${SECRET}`;

const over = (baseUrl: string) => createTelegram({ token: TOKEN, chatId: '@ops', baseUrl });

async function sendTo(
  receiver: Receiver,
  { timeoutMs = 20_000, text }: { timeoutMs?: number; text?: string } = {},
): Promise<Delivery> {
  const notification = text === undefined ? aNotification() : aNotification({ text });
  return over(receiver.url).send(notification, AbortSignal.timeout(timeoutMs));
}

async function answeredWith(answer: Answer): Promise<Delivery> {
  const receiver = await startReceiver();
  receiver.answer(answer);
  const delivery = await sendTo(receiver);
  expect(receiver.requests).toHaveLength(1);
  return delivery;
}

it('gets the text, for the chat, at the address of the bot', async () => {
  const receiver = await startReceiver();
  expect(await sendTo(receiver)).toEqual({ result: 'sent' });
  expect(receiver.requests).toMatchObject([
    {
      method: 'POST',
      path: `/bot${TOKEN}/sendMessage`,
      headers: { 'content-type': 'application/json' },
      body: {
        chat_id: '@ops',
        text: '🚨 reaper: job 42 (tester, repo web) reaped as FAILED: dead pid=4711',
      },
    },
  ]);
});

it('is reached under a proxy’s path, with or without a slash', async () => {
  const receiver = await startReceiver();
  await over(`${receiver.url}/telegram/`).send(aNotification(), AbortSignal.timeout(20_000));
  expect(receiver.requests[0]?.path).toBe(`/telegram/bot${TOKEN}/sendMessage`);
});

it('gets at most 4,096 characters: the rest is cut off, but no character is cut in half', async () => {
  const receiver = await startReceiver();
  await sendTo(receiver, { text: `${'x'.repeat(4094)}🚨${'y'.repeat(5000)}` });
  expect(receiver.requests[0]?.body['text']).toBe(`${'x'.repeat(4094)}…`);
});

describe('an answer', () => {
  it('429 says when to try again', async () => {
    const body = {
      ok: false,
      description: 'Too Many Requests: retry after 7',
      parameters: { retry_after: 7 },
    };
    expect(await answeredWith({ status: 429, body })).toEqual({
      result: 'not delivered',
      why: 'HTTP 429: Too Many Requests: retry after 7',
      retryAfterS: 7,
    });
  });

  it('429 from a proxy says it in a header, or not at all', async () => {
    const headers = { 'retry-after': '3' };
    expect(await answeredWith({ status: 429, headers, body: 'slow down' })).toMatchObject({ retryAfterS: 3 });
    expect(await answeredWith({ status: 429, body: { parameters: { retry_after: 'soon' } } })).toEqual({
      result: 'not delivered',
      why: 'HTTP 429',
      retryAfterS: undefined,
    });
  });

  it.each([500, 502, 504])('%i: nobody knows whether it was sent on', async (status) => {
    expect(await answeredWith({ status, body: 'oops' })).toEqual({
      result: 'unknown',
      why: `HTTP ${status}`,
    });
  });

  it.each([
    [401, 'Unauthorized', 'Telegram does not know this bot: set TELEGRAM_BOT_TOKEN to its current token'],
    [404, 'Not Found', 'Telegram does not know this bot: set TELEGRAM_BOT_TOKEN to its current token'],
    [400, 'Bad Request: chat not found', 'check TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID'],
    [
      403,
      'Forbidden: bot was kicked',
      'the bot was blocked or removed: add it to the chat of TELEGRAM_CHAT_ID again',
    ],
  ])('%i, a bad token or chat: refused, with what to do', async (status, description, what) => {
    expect(await answeredWith({ status, body: { ok: false, description } })).toEqual({
      result: 'refused',
      why: `HTTP ${status}: ${description}; ${what}`,
    });
  });

  it('that redirects is not followed: the token would go elsewhere', async () => {
    const elsewhere = await startReceiver();
    const delivery = await answeredWith({ status: 302, headers: { location: elsewhere.url } });
    expect(delivery).toMatchObject({ result: 'refused' });
    expect(elsewhere.requests).toHaveLength(0);
  });

  it('that repeats the token is reported without it, in one short line', async () => {
    const description = `no bot ${TOKEN}, nor\n/bot${SECRET}/sendMessage ${'!'.repeat(500)}`;
    const delivery = await answeredWith({ status: 404, body: { ok: false, description } });
    const { why } = delivery as { why: string };
    expect(why).not.toContain(SECRET);
    expect(why).toContain('no bot <hidden>, nor /bot<hidden>/sendMessage');
    expect(why).not.toContain('\n');
    expect(why.length).toBeLessThan(300);
  });

  it.each([
    ['that is no JSON', 'null'],
    ['that is empty', ''],
    ['that is a list', '[1]'],
  ])('%s counts by its status', async (_, body) => {
    expect(await answeredWith({ status: 200, body })).toEqual({ result: 'sent' });
    expect(await answeredWith({ status: 404, body })).toMatchObject({ result: 'refused' });
  });

  it('that never ends is not read completely', async () => {
    let written = 0;
    const delivery = await answeredWith((response) => {
      response.writeHead(200);
      const write = () => {
        written += 65_536;
        if (!response.destroyed && written < 2 ** 30) response.write('x'.repeat(65_536), write);
      };
      write();
    });
    expect(delivery).toEqual({ result: 'sent' });
    expect(written).toBeLessThan(2 ** 30);
  });

  it('that breaks off after its status counts', async () => {
    const delivery = await answeredWith((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"ok":', () => response.destroy());
    });
    expect(delivery).toEqual({ result: 'sent' });
  });
});

describe('no answer', () => {
  it('in time: nobody knows', async () => {
    const receiver = await startReceiver();
    receiver.answer('hang');
    expect(await sendTo(receiver, { timeoutMs: 500 })).toEqual({
      result: 'unknown',
      why: 'no answer in time',
    });
    expect(receiver.requests).toHaveLength(1);
  });

  it('after the status: the wait ends, and the status counts', async () => {
    const receiver = await startReceiver();
    receiver.answer((response) => {
      response.writeHead(200);
      response.write('{"ok":');
    });
    expect(await sendTo(receiver, { timeoutMs: 500 })).toEqual({ result: 'sent' });
  });

  it('because the connection broke: nobody knows', async () => {
    expect(await answeredWith('break')).toEqual({
      result: 'unknown',
      why: 'the connection broke: ECONNRESET',
    });
  });

  it('because nothing listens: not delivered, and the address is not revealed', async () => {
    const delivery = await over(`http://127.0.0.1:${await freePort()}`).send(
      aNotification(),
      AbortSignal.timeout(20_000),
    );
    expect(delivery).toEqual({ result: 'not delivered', why: 'no connection: ECONNREFUSED' });
  });

  it('because there is no secure connection: not delivered', async () => {
    const receiver = await startReceiver();
    const delivery = await over(receiver.url.replace('http:', 'https:')).send(
      aNotification(),
      AbortSignal.timeout(20_000),
    );
    expect(delivery).toMatchObject({ result: 'not delivered' });
    expect(JSON.stringify(delivery)).not.toContain(SECRET);
  });
});
