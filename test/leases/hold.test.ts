import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLease, releaseLease, renewLease } from '../../src/leases/index.js';
import { processIdentity } from '../../src/liveness/index.js';
import {
  acquire,
  deadHolder,
  HOST,
  LEASE,
  leaseText,
  leaveLease,
  nextMillisecond,
  reclaim,
  useLeaseFolder,
} from './support.js';

const folder = useLeaseFolder();

async function contentOf(name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(folder.path, name), 'utf8')) as Record<string, unknown>;
}

describe('a lease that is acquired', () => {
  it('records who holds it, since when and for how long', async () => {
    const { lease } = await acquire(folder.path, 30);
    expect(await contentOf(LEASE)).toEqual({
      repo: 'web',
      token: lease.token,
      pid: process.pid,
      host: HOST,
      identity: processIdentity(process.pid),
      held_since: lease.acquiredAt.toISOString(),
      acquired_at: lease.acquiredAt.toISOString(),
      ttl_s: 30,
    });
  });

  it('keeps everybody else out until it is released, and tells them its holder', async () => {
    const held = await acquire(folder.path);
    const files = await folder.files();
    const refused = await acquireLease({ folder: folder.path, repo: 'web', ttlS: 1 });
    expect(refused).toEqual({
      acquired: false,
      why: `held by pid ${process.pid} on ${HOST}`,
      holder: held.lease,
    });
    expect(await folder.files()).toEqual(files);
    expect(await releaseLease(held)).toBe(true);
    expect(await folder.files()).toEqual([]);
    await acquire(folder.path);
  });

  it('does not affect other repos', async () => {
    await acquire(folder.path);
    expect(await acquireLease({ folder: folder.path, repo: 'web.json', ttlS: 1 })).toMatchObject({
      acquired: true,
    });
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('cannot have a TTL of %s', async (ttlS) => {
    await expect(acquire(folder.path, ttlS)).rejects.toThrow(
      'Expected `ttlS` to be a number of seconds above 0',
    );
    expect(await folder.files()).toEqual([]);
  });

  it('needs an existing folder', async () => {
    await expect(acquire(join(folder.path, 'none'))).rejects.toThrow('ENOENT');
  });
});

describe('renewing', () => {
  it('starts a new term of the same holding', async () => {
    const held = await acquire(folder.path);
    const { token, acquiredAt: first } = held.lease;
    const before = await folder.files();
    await nextMillisecond();
    expect(await renewLease(held)).toBe(true);
    const content = await contentOf(LEASE);
    expect(content).toMatchObject({ token, held_since: first.toISOString() });
    expect(content['acquired_at']).toBe(held.lease.acquiredAt.toISOString());
    expect(held.lease.acquiredAt.getTime()).toBeGreaterThan(first.getTime());
    expect(await folder.files()).toHaveLength(before.length);
    expect(await releaseLease(held)).toBe(true);
    expect(await folder.files()).toEqual([]);
  });
});

describe('a lease that was reclaimed', () => {
  it('is lost to its holder, who neither renews nor releases what another holds now', async () => {
    // Its holder is on another host, where it cannot be probed.
    const lost = await acquire(folder.path, 0.001, 'elsewhere');
    await nextMillisecond();
    expect((await reclaim(folder.path)).result).toBe('reclaimed');
    const held = await acquire(folder.path);
    const files = await folder.files();
    expect(await renewLease(lost)).toBe(false);
    expect(await releaseLease(lost)).toBe(false);
    expect(await folder.files()).toEqual(files);
    expect(await renewLease(held)).toBe(true);
  });

  it.each(['left by its holder', 'written by another program'])('is free again: %s', async (origin) => {
    const holder = await deadHolder();
    if (origin === 'left by its holder') await leaveLease(folder.path, holder);
    else await writeFile(join(folder.path, LEASE), leaseText(holder));
    expect(await acquireLease({ folder: folder.path, repo: 'web', ttlS: 1 })).toMatchObject({
      acquired: false,
    });
    expect((await reclaim(folder.path)).result).toBe('reclaimed');
    expect(await folder.files()).toEqual([]);
    await acquire(folder.path);
  });
});
