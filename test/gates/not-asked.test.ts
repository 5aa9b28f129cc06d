import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, copyFileSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { GateNotAsked } from '../../src/gates/index.js';
import { packageRoot } from '../../src/paths.js';
import { freePort } from '../../servers/index.js';
import { Places } from '../../src/gates/places.js';
import { check, temporaryFolder } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

const approve = (error: unknown) =>
  check(
    { kind: 'function', name: 'approve' },
    {},
    // A program may throw anything.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    { functions: { approve: () => Promise.reject(error) } },
  );

describe('a program', () => {
  it('that cannot be started now, because its file is still being written, is asked again', async () => {
    const file = join(temporaryFolder(), 'check');
    copyFileSync('/bin/true', file);
    chmodSync(file, 0o755);
    const spec = { kind: 'command', argv: [file] };
    const writer = openSync(file, 'r+');
    try {
      await expect(check(spec)).rejects.toThrow(GateNotAsked);
    } finally {
      closeSync(writer);
    }
    expect(await check(spec)).toMatchObject({ green: true });
  });

  it('that cannot be started because file descriptors ran out is asked again', async () => {
    const folder = temporaryFolder();
    const script = join(folder, 'exhausted.mjs');
    const gates = pathToFileURL(join(packageRoot, 'dist/src/gates/index.js')).href;
    writeFileSync(
      script,
      `import { openSync } from 'node:fs';
       import { createGates } from ${JSON.stringify(gates)};
       const gates = createGates({});
       const input = { job: '7', stage: 'review', repo: 'shop', branch: 'x', workItem: 'W-1' };
       const ask = (spec) => gates.check(spec, input, new AbortController().signal).then(
         ({ green, reason }) => (green ? 'green' : 'red') + ' ' + reason, ({ name }) => name);
       const specs = [{ kind: 'command', argv: ['true'] }, { kind: 'git', repository: '/', path: 'x' }];
       await ask(specs[0]);
       try { for (;;) openSync('/dev/null'); } catch {}
       console.log(JSON.stringify([await ask(specs[0]), await ask(specs[1])]));`,
    );
    const child = spawn('sh', ['-c', 'ulimit -n 500; exec "$0" "$1"', process.execPath, script]);
    expect(JSON.parse(await text(child.stdout))).toEqual(['GateNotAsked', 'GateNotAsked']);
  });

  it.each(['SIGKILL', 'SIGTERM'])('that something outside ends with %s has not answered', async (signal) => {
    const script = `kill -${signal.slice(3)} $$`;
    await expect(check({ kind: 'command', argv: ['sh', '-c', script] })).rejects.toThrow(GateNotAsked);
  });

  it('that is missing, such as git, says nothing about the work', async () => {
    vi.stubEnv('PATH', temporaryFolder());
    try {
      const spec = { kind: 'git', repository: '/srv', path: 'x' };
      await expect(check(spec)).rejects.toThrow(GateNotAsked);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('a function', () => {
  it('whose server refuses, disconnects or has no address is asked again', async () => {
    const breaks = createServer((request) => request.socket.destroy()).listen(0, '127.0.0.1');
    onTestFinished(() => void breaks.close());
    await once(breaks, 'listening');
    const urls = [
      `http://127.0.0.1:${await freePort()}/`,
      `http://127.0.0.1:${(breaks.address() as AddressInfo).port}/`,
      'http://no-such-host.invalid/',
    ];
    for (const url of urls) {
      const functions = { approve: async () => ({ green: (await fetch(url)).ok, reason: url }) };
      const asking = check({ kind: 'function', name: 'approve' }, {}, { functions });
      await expect(asking).rejects.toThrow(GateNotAsked);
      await expect(asking).rejects.toThrow(
        /\((ECONNREFUSED|UND_ERR_SOCKET|ECONNRESET|ENOTFOUND|EAI_AGAIN)\)/,
      );
    }
  });

  it('may throw GateNotAsked itself', async () => {
    await expect(approve(new GateNotAsked('the review tool restarts'))).rejects.toThrow('restarts');
  });

  it('is red for any other error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything(), fc.string(), async (thrown, code) => {
        fc.pre(!/^(E[A-Z]|UND)/.test(code));
        for (const error of [thrown, Object.assign(new Error('x', { cause: thrown }), { code })]) {
          expect(await approve(error)).toMatchObject({ green: false });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('may throw an error that is its own cause', async () => {
    const error = new Error('round');
    error.cause = error;
    expect(await approve(error)).toMatchObject({ green: false });
  });
});

describe('places', () => {
  const forever = new AbortController().signal;

  it('are given out in order, and a waiter that gave up keeps none', async () => {
    const places = new Places(1, 'places');
    const leave = await places.enter(0, forever);
    await expect(places.enter(1, forever)).rejects.toThrow(GateNotAsked);
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (each) => {
      const leaveAgain = await places.enter(20_000, forever);
      order.push(each);
      leaveAgain();
    });
    leave();
    leave();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
    await places.enter(0, forever);
    await expect(places.enter(1, forever)).rejects.toThrow(GateNotAsked);
  });

  it.each(['leave', 'cancel'])(
    'are not lost if a waiter is cancelled just when it gets one, %s first',
    async (first) => {
      const places = new Places(1, 'places');
      const leave = await places.enter(0, forever);
      const controller = new AbortController();
      const waiting = places.enter(20_000, controller.signal).then(
        (leaveAgain) => leaveAgain(),
        () => undefined,
      );
      if (first === 'leave') leave();
      controller.abort(new Error('cancelled'));
      leave();
      await waiting;
      (await places.enter(0, forever))();
    },
  );
});
