import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A received request. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  /** The JSON body. */
  body: Record<string, unknown>;
}

/** How to answer a request. `hang`: never. `break`: break the connection once the request has arrived. */
export type Answer =
  | 'hang'
  | 'break'
  | { status: number; headers?: Record<string, string>; body?: string | object }
  | ((response: ServerResponse) => void);

/** A local HTTP server that keeps what it receives: Telegram's API, or the receiver of a webhook. */
export interface Receiver {
  url: string;
  requests: Received[];
  /** Sets the answers to the following requests, one each; the last answer is repeated. */
  answer(...answers: Answer[]): void;
  stop(): Promise<void>;
}

/** Starts a receiver, which ends with the test. It answers with 200 by default. */
export async function startReceiver(): Promise<Receiver> {
  const requests: Received[] = [];
  let queue: Answer[] = [{ status: 200, body: { ok: true } }];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      requests.push({
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        body: JSON.parse(body) as Record<string, unknown>,
      });
      const answer = (queue.length > 1 ? queue.shift() : queue[0]) ?? 'hang';
      if (answer === 'hang') return;
      if (answer === 'break') request.socket.destroy();
      else if (typeof answer === 'function') answer(response);
      else {
        response.writeHead(answer.status, answer.headers);
        response.end(typeof answer.body === 'object' ? JSON.stringify(answer.body) : answer.body);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  let stopped: Promise<void> | undefined;
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (...answers) => {
      queue = answers;
    },
    stop: () =>
      (stopped ??= new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      })),
  };
  onTestFinished(() => receiver.stop());
  return receiver;
}
