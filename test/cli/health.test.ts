import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../servers/index.js';
import { eventually } from '../support/wait.js';
import { cli, createPlace, kill, startCli } from './support.js';

test('says that a worker does its work, and what is missing when it does not', async () => {
  const place = await createPlace();
  onTestFinished(() => place.db.drop());
  const address = { REAPER_ADMIN_ADDR: `0.0.0.0:${await freePort()}` };
  const worker = startCli(['worker'], { ...place.envWithoutTemporal, ...address });
  onTestFinished(() => kill(worker));
  await eventually('the worker', async () => (await cli(['health', '--live'], address)).code === 0);
  const { code, stdout, stderr } = await cli(['health'], address);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('temporal: expected');
  expect(stderr).not.toContain('postgres:');
  expect((await cli(['health', '--live'], address)).stdout).toMatch(
    /^loop: the worker's loop turned \d+ s ago\n$/,
  );
});

test('of a worker that is ready, lists what it has checked', async () => {
  const place = await createPlace();
  onTestFinished(() => place.db.drop());
  const address = { REAPER_ADMIN_ADDR: String(await freePort()) };
  const worker = startCli(['worker'], { ...place.env, ...address });
  onTestFinished(() => kill(worker));
  await eventually('readiness', async () => (await cli(['health'], address)).code === 0);
  const { stdout } = await cli(['health'], address);
  expect(stdout.split('\n').map((line) => line.split(':')[0])).toEqual([
    'temporal',
    'postgres',
    'pollers',
    'sweeps',
    '',
  ]);
});

test.each([
  [{}, 'Expected REAPER_ADMIN_ADDR to be the port of the worker on this machine, got nothing'],
  [
    { REAPER_ADMIN_ADDR: '127.0.0.1:1' },
    'Expected a worker to answer at http://127.0.0.1:1/readyz, got connect ECONNREFUSED',
  ],
  [{ REAPER_ADMIN_ADDR: '[::1]:1' }, 'Expected a worker to answer at http://[::1]:1/readyz, got'],
])('says what is wrong with %j', async (env, message) => {
  const { code, stdout, stderr } = await cli(['health'], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(message);
  expect(stderr).not.toContain('    at ');
});

test('waits for a silent port only briefly', async () => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.closeAllConnections());
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await cli(['health'], { REAPER_ADMIN_ADDR: String(port) });
  expect(code).toBe(1);
  expect(stderr).toContain('got nothing within 4 s');
});

test('is not misled by something else that answers there', async () => {
  const server = createServer((_, response) => response.end('{"hello": "world"}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { code, stderr } = await cli(['health'], { REAPER_ADMIN_ADDR: String(port) });
  expect(code).toBe(1);
  expect(stderr).toContain('got status 200 without checks');
});
