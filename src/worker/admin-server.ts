import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the admin port answers a request with. */
export interface Reply {
  code: number;
  contentType: string;
  body: string;
}

/** Where the admin port listens. */
export interface AdminAddress {
  host: string;
  port: number;
}

/** What {@link startAdminServer} needs. */
export interface AdminServerOptions {
  address: AdminAddress;
  /** What each path returns. A rejection becomes 503 with its message. */
  paths: Readonly<Record<string, () => Reply | Promise<Reply>>>;
}

/** A worker's admin port: read-only. */
export interface AdminServer {
  /** The port that it listens on, even if 0 was asked for. */
  port: number;
  close(): Promise<void>;
}

/**
 * Opens the admin port.
 *
 * @throws if it cannot listen there, with what to do
 */
export async function startAdminServer({ address, paths }: AdminServerOptions): Promise<AdminServer> {
  const server = createServer((request, response) => void answer(request, response, paths));
  await listen(server, address);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server, { host, port }: AdminAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new Error(
          `Expected to listen on ${host}:${port} (REAPER_ADMIN_ADDR), got ${error.code ?? error.message}: choose a free port on this machine`,
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  paths: AdminServerOptions['paths'],
): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?', 1);
  const read = Object.hasOwn(paths, path) ? paths[path] : undefined;
  if (read === undefined) {
    send(response, jsonReply(404, { error: `expected one of ${Object.keys(paths).join(', ')}` }));
  } else if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    send(response, jsonReply(405, { error: 'expected GET: this port only reads' }));
  } else {
    try {
      send(response, await read());
    } catch (error) {
      send(response, jsonReply(503, { error: (error as Error).message }));
    }
  }
}

function send(response: ServerResponse, { code, contentType, body }: Reply): void {
  response.writeHead(code, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
  response.end(body);
}

/** Answers with JSON on one line. */
export function jsonReply(code: number, body: object): Reply {
  return { code, contentType: 'application/json', body: `${JSON.stringify(body)}\n` };
}
