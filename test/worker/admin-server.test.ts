import { afterEach, describe, expect, it } from 'vitest';
import { jsonReply, startAdminServer, type AdminServer, type Reply } from '../../src/worker/admin-server.js';

let server: AdminServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function start(status: () => Promise<Reply> = () => Promise.resolve(jsonReply(200, { running: 3 }))) {
  server = await startAdminServer({ address: { host: '127.0.0.1', port: 0 }, paths: { '/status': status } });
  const { port } = server;
  return (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
}

describe('the admin port', () => {
  it('answers with JSON that must not be cached, whatever the query string', async () => {
    const get = await start();
    const answer = await get('/status?verbose=1');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await answer.json()).toEqual({ running: 3 });
  });

  it.each(['/', '/constructor', '/status/', '//', '//status'])('knows no %s', async (path) => {
    const answer = await (await start())(path);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({ error: 'expected one of /status' });
  });

  it('says that it does not know now', async () => {
    const answer = await (await start(() => Promise.reject(new Error('Postgres is away'))))('/status');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ error: 'Postgres is away' });
  });

  it('says which setting to change when its port is taken', async () => {
    await start();
    const port = server?.port ?? 0;
    await expect(startAdminServer({ address: { host: '127.0.0.1', port }, paths: {} })).rejects.toThrow(
      `Expected to listen on 127.0.0.1:${port} (REAPER_ADMIN_ADDR), got EADDRINUSE: choose a free port on this machine`,
    );
  });
});
