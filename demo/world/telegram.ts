import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a worker needs to reach the demo's Telegram; none of it is a secret. */
export const TELEGRAM = { token: '1:demo', chat: '@demo' } as const;

/** The part of Telegram's bot API that job-reaper uses, on this machine. It keeps the messages. */
export interface Telegram {
  baseUrl: string;
  /** Texts of the messages, oldest first. */
  messages: readonly string[];
  stop(): Promise<void>;
}

/** Starts the demo's Telegram. */
export async function startTelegram(): Promise<Telegram> {
  const messages: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const isKnown = request.method === 'POST' && request.url === `/bot${TELEGRAM.token}/sendMessage`;
      if (isKnown) messages.push((JSON.parse(body) as { text: string }).text);
      response.writeHead(isKnown ? 200 : 404, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ ok: isKnown }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
