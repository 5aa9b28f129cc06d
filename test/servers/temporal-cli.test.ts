import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';

import { CLI_VERSION, cachedCliPath, cliToolsFolder, installCli } from '../../src/servers/cli-cache.js';
import { runDownloader } from '../../src/servers/cli-download.js';
import { withDirLock } from '../../src/servers/dir-lock.js';
import { findTemporalCli, freePort, type CliStep } from '../../servers/index.js';
import { silent, temporaryFolder } from './support.js';

async function executable(path: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '#!/bin/sh\n', { mode: 0o755 });
  return path;
}

/** A folder for everything, with an environment that contains only its paths. */
async function sandbox() {
  const folder = await temporaryFolder();
  const bin = join(folder, 'bin');
  await mkdir(bin);
  return { bin, env: { PATH: bin, JOB_REAPER_CACHE_DIR: join(folder, 'cache') } as Record<string, string> };
}

const failing = (name: string, reason: string): CliStep => ({
  name,
  find: () => Promise.reject(new Error(reason)),
});
const never: CliStep = {
  name: 'never',
  find: () => Promise.reject(new Error('Expected this step not to be reached')),
};

describe('findTemporalCli', () => {
  test('uses TEMPORAL_CLI_PATH first, then PATH, then the cache', async () => {
    const { bin, env } = await sandbox();
    const cached = await executable(await cachedCliPath(env));
    expect(await findTemporalCli({ log: silent, env })).toBe(cached);
    const onPath = await executable(join(bin, 'temporal'));
    expect(await findTemporalCli({ log: silent, env })).toBe(onPath);
    const given = await executable(join(bin, 'mine'));
    expect(await findTemporalCli({ log: silent, env: { ...env, TEMPORAL_CLI_PATH: given } })).toBe(given);
  });

  test.each(['absent', 'plain', '.'])('rejects a TEMPORAL_CLI_PATH that is %s', async (name) => {
    const { bin, env } = await sandbox();
    await writeFile(join(bin, 'plain'), 'no program', { mode: 0o644 });
    const given = join(bin, name);
    await expect(
      findTemporalCli({ log: silent, env: { ...env, TEMPORAL_CLI_PATH: given }, steps: [never] }),
    ).rejects.toThrow(
      `Expected TEMPORAL_CLI_PATH to be an executable file, got \`${given}\`. Correct it, or unset it`,
    );
  });

  test('uses the first step that succeeds', async () => {
    const steps = [failing('one', 'no'), { name: 'two', find: () => Promise.resolve('/found') }, never];
    expect(await findTemporalCli({ log: silent, env: {}, steps })).toBe('/found');
  });

  test('lists every step with its reason, and what to do next, when none succeeds', async () => {
    const steps = [failing('the cache', 'empty'), failing('a download', 'no\n  network')];
    await expect(findTemporalCli({ log: silent, env: {}, steps })).rejects.toThrow(
      [
        'Expected a Temporal CLI for the dev server, found none:',
        '  - the cache: empty',
        '  - a download: no network',
        'Install the Temporal CLI (https://docs.temporal.io/cli), or set TEMPORAL_CLI_PATH to one, or set ' +
          'TEMPORAL_ADDRESS to use a server that is already running.',
      ].join('\n'),
    );
  });
});

describe('the cache of the CLI', () => {
  test('is filled once, by one of the processes that need it', async () => {
    const { env } = await sandbox();
    const lines: string[] = [];
    let made = 0;
    const install = () =>
      installCli({ env, log: (line) => lines.push(line) }, async (path) => {
        made += 1;
        await sleep(300);
        await writeFile(path, 'cli');
      });
    const target = await cachedCliPath(env);
    expect(await Promise.all([install(), install()])).toEqual([target, target]);
    expect(made).toBe(1);
    expect(lines).toContain('waiting for another process to get the Temporal dev server');
    expect(await readdir(dirname(target))).toEqual(['temporal']);
  });

  test('never contains a partial file, neither after a failure nor after a crash', async () => {
    const { env } = await sandbox();
    const folder = dirname(await cachedCliPath(env));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'partial-1'), 'left by a crash');
    const install = installCli({ env, log: silent }, async (path) => {
      await writeFile(path, 'half');
      throw new Error('disk full');
    });
    await expect(install).rejects.toThrow('disk full');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a directory lock', () => {
  const options = { log: silent, waiting: 'waiting' };

  test('is taken over from a holder that is dead', async () => {
    const lock = join(await temporaryFolder(), 'lock');
    await mkdir(lock);
    const dead = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
    await writeFile(join(lock, 'pid'), dead);
    expect(await withDirLock(lock, options, () => Promise.resolve('done'))).toBe('done');
  });

  test('is taken over from a holder that has not touched it for a minute', async () => {
    const lock = join(await temporaryFolder(), 'lock');
    await mkdir(lock);
    const before = new Date(Date.now() - 61_000);
    await utimes(lock, before, before);
    expect(await withDirLock(lock, options, () => Promise.resolve('done'))).toBe('done');
  });

  test('is free again after a failure', async () => {
    const lock = join(await temporaryFolder(), 'lock');
    await expect(withDirLock(lock, options, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withDirLock(lock, options, () => Promise.resolve('done'))).toBe('done');
  });
});

describe('a download', () => {
  test('is given up when nothing arrives', async () => {
    const hanging = ['-e', 'setInterval(() => undefined, 1000)'];
    await expect(runDownloader(hanging, await temporaryFolder(), 1)).rejects.toThrow(
      'nothing arrived for 1 s',
    );
  });

  test('fails with what the downloader says', async () => {
    const broken = ['-e', 'console.error("no network"); process.exit(1)'];
    await expect(runDownloader(broken, await temporaryFolder(), 10)).rejects.toThrow(/^no network$/);
  });

  test('continues as long as something arrives', async () => {
    const folder = await temporaryFolder();
    const slow = `
      const { appendFileSync } = require('node:fs');
      let left = 8;
      setInterval(() => {
        appendFileSync(${JSON.stringify(join(folder, 'file'))}, 'x');
        if (--left === 0) { console.log('/got/it'); process.exit(0); }
      }, 250);`;
    expect(await runDownloader(['-e', slow], folder, 1)).toBe('/got/it');
  });

  test('asks for our version, through the proxy of the environment, and says what became of it', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer().on('connect', ({ url }, socket) => {
      asked.push(url);
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    onTestFinished(() => void proxy.close());
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const script = join(cliToolsFolder, 'download.mjs');
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [script, await temporaryFolder(), CLI_VERSION],
      {
        env: { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, NO_PROXY: '' },
        reject: false,
      },
    );
    expect(asked).toEqual(['temporal.download:443']);
    expect(stderr).toContain(`https://temporal.download/cli/v${CLI_VERSION}?`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  });
});

test('freePort never hands out a port twice', async () => {
  const ports = await Promise.all(Array.from({ length: 100 }, freePort));
  expect(new Set(ports).size).toBe(100);
});
