import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Way, type Silence } from './world/way.js';

let server: Server;
let way: Way;
const atServer: Socket[] = [];
const heard: string[] = [];

beforeEach(async () => {
  atServer.length = heard.length = 0;
  server = createServer((socket) => {
    atServer.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      heard.push(String(data));
      socket.write(`echo of ${String(data)}`);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  way = await Way.to((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await way.stop();
  server.close();
  for (const socket of atServer) socket.destroy();
});

/** A connection by the way, which has been answered once, and what it hears. */
async function join(): Promise<{ socket: Socket; answers: string[] }> {
  const socket = connect(Number(way.address.split(':')[1]), '127.0.0.1');
  const answers: string[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (data) => answers.push(String(data)));
  socket.write('hello');
  await expect.poll(() => answers).toEqual(['echo of hello']);
  return { socket, answers };
}

it.each<[Silence, string[], string[]]>([
  ['both ways', ['hello'], ['echo of hello']],
  ['towards the server', ['hello'], ['echo of hello']],
  ['from the server', ['hello', 'more'], ['echo of hello']],
])(
  'a connection that is silent %s says nothing and stays open, while a new one works',
  async (silence, atLast, answered) => {
    const { socket, answers } = await join();
    const silent = way.silence(silence);
    socket.write('more');
    await expect.poll(() => heard).toEqual(atLast);
    const other = await join();
    expect(other.socket.destroyed).toBe(false);
    expect(answers).toEqual(answered);
    expect(socket.destroyed).toBe(false);
    expect(silent?.areGivenUp()).toBe(false);
    other.socket.destroy();
    socket.destroy();
  },
);

it('the server does not hear that a silent connection was given up, until the network notices', async () => {
  const { socket } = await join();
  const silent = way.silence('both ways');
  socket.destroy();
  await expect.poll(() => silent?.areGivenUp()).toBe(true);
  await setTimeout(200);
  expect(atServer[0]?.destroyed).toBe(false);
  silent?.end();
  await expect.poll(() => atServer[0]?.destroyed).toBe(true);
});

it('a way that is cut refuses everyone, and is the same way when it is restored', async () => {
  const { socket } = await join();
  const { address } = way;
  await way.cut();
  await expect.poll(() => socket.destroyed).toBe(true);
  const refused = connect(Number(address.split(':')[1]), '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
  await way.restore();
  expect(way.address).toBe(address);
  (await join()).socket.destroy();
});

it('has the next connection go silent, however short it would have been', async () => {
  expect(await way.silenceNext('both ways', 10)).toBe(null);
  const silenced = way.silenceNext('both ways', 60_000);
  const socket = connect(Number(way.address.split(':')[1]), '127.0.0.1');
  const answers: string[] = [];
  socket.on('data', (data) => answers.push(String(data)));
  socket.write('hello');
  const silent = await silenced;
  expect(silent?.count).toBe(1);
  await expect.poll(() => heard).toEqual(['hello']);
  socket.destroy();
  await expect.poll(() => silent?.areGivenUp()).toBe(true);
  expect(answers).toEqual([]);
  silent?.end();
});
