import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../random.js';

/** One request that a channel of the reaper sent. */
export interface Received {
  channel: 'telegram' | 'webhook';
  atMs: number;
  /** Header `Idempotency-Key`; null for Telegram, which knows none. */
  key: string | null;
  text: string;
  /** What became of it, as the server knows: `refused` with a status that says it was not taken. */
  answer: 'taken' | 'failed' | 'refused' | 'cut' | 'never answered';
}

export const TELEGRAM = { token: '1:torture', chat: '@torture' } as const;

/** Telegram and a webhook on this machine: they keep what they receive, and are as unreliable as the seed decides. */
export class People {
  readonly received: Received[] = [];
  /** Whether requests fail at random. */
  troubled = true;
  /** Whether the webhook leaves every request unanswered. */
  holdsWebhook = false;

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    private readonly random: Random,
  ) {}

  static async listen(random: Random): Promise<People> {
    const server = createServer((request, response) => {
      void people.#hear(request, response).catch(() => request.socket.destroy());
    });
    const people = new People(server, random);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return people;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.server.close(resolve);
      this.server.closeAllConnections();
    });
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse(await text(request)) as { text: string };
    const header = request.headers['idempotency-key'];
    const channel = request.url === '/webhook' ? 'webhook' : 'telegram';
    const received: Received = {
      channel,
      atMs: Date.now(),
      key: typeof header === 'string' ? header : null,
      text: body.text,
      answer: this.holdsWebhook && channel === 'webhook' ? 'never answered' : this.#decide(),
    };
    this.received.push(received);
    switch (received.answer) {
      case 'taken':
        response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}');
        break;
      case 'failed':
        response.writeHead(500).end('{"ok":false}');
        break;
      case 'refused':
        response.writeHead(429, { 'Retry-After': '1' }).end('{"ok":false}');
        break;
      case 'cut':
        request.socket.destroy();
        break;
      case 'never answered':
    }
  }

  #decide(): Received['answer'] {
    if (!this.troubled || this.random.chance(0.6)) return 'taken';
    return this.random.pick(['failed', 'refused', 'cut', 'never answered'] as const) ?? 'taken';
  }
}
