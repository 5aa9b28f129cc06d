import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { link, lstat, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLease, LeaseNames } from '../../src/leases/index.js';
import { acquire, deadHolder, LEASE, leaseText, liveHolder, reclaim, useLeaseFolder } from './support.js';

const folder = useLeaseFolder();
const names = new LeaseNames('web');
const holder = liveHolder();

async function setAge(name: string, seconds: number): Promise<void> {
  const at = Date.now() / 1000 - seconds;
  await utimes(join(folder.path, name), at, at);
}

const unreadable: [string, string | Buffer, string][] = [
  ['empty', '', 'the file is empty'],
  ['cut off', leaseText(holder).slice(0, 40), 'JSON object'],
  ['not UTF-8', Buffer.from([0xff, 0xfe, 0x00]), 'JSON object'],
  ['no object', '[1]', 'JSON object'],
  ['huge', leaseText(holder, { more: 'x'.repeat(70_000) }), 'at most 65536 bytes'],
  ['without a token', leaseText(holder, { token: undefined }), '`token`'],
  ['with a pid that is text', leaseText(holder, { pid: '71' }), '`pid`'],
  ['with a TTL of 0', leaseText(holder, { ttl_s: 0 }), '`ttl_s` to be more than 0'],
  ['with a TTL beyond numbers', leaseText(holder).replace('600', '1e999'), '`ttl_s`'],
  ['with an invalid time', leaseText(holder, { acquired_at: 'noon' }), '`acquired_at` to be a time like'],
  [
    'from year 0',
    leaseText(holder, { acquired_at: '0000-01-01T00:00:00Z' }),
    '`acquired_at` to be a time after',
  ],
  ['with a NUL in its host', leaseText(holder, { host: 'a\0b' }), '`host` to be 1 to 500 printable'],
  ['with half a character', leaseText(holder, { token: 't\ud800' }), '`token` to be 1 to 500 printable'],
];

describe.each(['lease', 'held', 'aside'])('an unreadable file as %s', (kind) => {
  const name = kind === 'lease' ? names.lease : kind === 'held' ? names.newHeld() : names.newAside();

  it.each(unreadable)(
    '%s counts as held until it is old, and is reported in one clear line',
    async (_, text, why) => {
      await writeFile(join(folder.path, name), text);
      await setAge(name, 590);
      expect(await acquireLease({ folder: folder.path, repo: 'web', ttlS: 1 })).toMatchObject({
        acquired: false,
        holder: null,
      });
      const young = await reclaim(folder.path);
      expect(young).toMatchObject({ result: 'trouble', reclaimed: [] });
      expect(young.trouble).toHaveLength(1);
      expect(young.trouble[0]).toContain(why);
      expect(young.trouble[0]).not.toContain('\n');
      // The line is the same at each sweep, so that it is logged once.
      const { trouble } = await reclaim(folder.path);
      expect((await reclaim(folder.path)).trouble).toEqual(trouble);

      for (const file of await folder.files()) await setAge(file, 600);
      const old = await reclaim(folder.path);
      expect(old).toMatchObject({
        result: 'reclaimed',
        reclaimed: [{ token: null, pid: null }],
        trouble: [],
      });
      expect(old.detail.join()).toContain(why);
      expect(await folder.files()).toEqual([]);
    },
  );
});

describe('anything but a regular file', () => {
  const oddities: [string, (path: string) => Promise<unknown>][] = [
    ['a symbolic link', (path) => symlink(join(folder.path, 'target'), path)],
    ['a directory', (path) => mkdir(path)],
    ['a pipe', (path) => Promise.resolve(spawnSync('mkfifo', [path]))],
    ['a socket', (path) => once(createServer().listen(path).unref(), 'listening')],
  ];
  const places = [names.lease, names.newHeld(), names.newAside(), names.newTemporary()];

  it.each(oddities.flatMap(([what, make]) => places.map((name) => [what, name, make] as const)))(
    '%s at %s is neither followed, opened nor removed, and reported in one clear line',
    async (what, name, make) => {
      const target = join(folder.path, 'target');
      await writeFile(target, leaseText(await deadHolder()));
      await setAge('target', 1e6);
      // A socket's path must be short, so it cannot be created in every place under its final name.
      await make(join(folder.path, 'odd'));
      if (what === 'a directory') await mkdir(join(folder.path, name));
      else await link(join(folder.path, 'odd'), join(folder.path, name));
      const before = await lstat(join(folder.path, name));

      expect(await reclaim(folder.path)).toMatchObject({
        result: 'trouble',
        trouble: [`Expected \`${name}\` to be a regular file, got ${what}: remove it manually`],
      });
      expect((await lstat(join(folder.path, name))).ino).toBe(before.ino);
      expect(await readFile(target, 'utf8')).toContain('token-1');
      if (name === places[3]) await acquire(folder.path);
      else await expect(acquire(folder.path)).rejects.toThrow(`${name} is in the way`);
    },
  );
});

describe('a temporary file', () => {
  it('left by a crash is removed when it is old, unless reclaims are blocked', async () => {
    const [old, young] = [names.newTemporary(), names.newTemporary()];
    await writeFile(join(folder.path, old), '{');
    await setAge(old, 600);
    await writeFile(join(folder.path, young), '{');
    await reclaim(folder.path, { blockOn: () => Promise.resolve('paused by op: r') });
    expect(await folder.files()).toEqual([old, young].sort());
    expect((await reclaim(folder.path)).result).toBe('free');
    expect(await folder.files()).toEqual([young]);
  });

  it('blocks nobody', async () => {
    await writeFile(join(folder.path, names.newTemporary()), leaseText(holder));
    await acquire(folder.path);
  });
});

it('a lease that another program wrote, with extra fields, is judged by its content', async () => {
  const text = leaseText(holder, { branch: 'main', acquired_at: '2026-01-31T12:00:00.123456+01:00' });
  await writeFile(join(folder.path, LEASE), text);
  expect((await reclaim(folder.path)).result).toBe('held');
  await writeFile(join(folder.path, LEASE), leaseText(await deadHolder(), { branch: 'main' }));
  expect((await reclaim(folder.path)).result).toBe('reclaimed');
});

it('a missing folder is trouble', async () => {
  expect(await reclaim(join(folder.path, 'none'))).toMatchObject({
    result: 'trouble',
    trouble: [expect.stringContaining('ENOENT') as string],
  });
});
