import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostClock } from '../../src/leases/host-clock.js';
import { deadHolder, LEASE, leaseText, liveHolder, reclaim, useLeaseFolder, type Holder } from './support.js';

const MINUTES_MS = 10 * 60_000;
const TTL_S = 60;

const folder = useLeaseFolder();
/** How far the wall clock is off, and how long the test pretends to have waited. */
let offMs: number;
let waitedMs: number;
let clock: HostClock;
let elsewhere: Holder;

beforeEach(async () => {
  offMs = waitedMs = 0;
  clock = new HostClock({
    wallMs: () => Date.now() + waitedMs + offMs,
    monotonicMs: () => performance.now() + waitedMs,
  });
  elsewhere = { ...(await deadHolder()), host: 'elsewhere' };
});

/** Writes a lease that was acquired so long ago by the current clock, by a holder that cannot be proven alive here. */
async function leave(agoMs: number): Promise<void> {
  const acquiredAt = new Date(clock.now(0).getTime() - agoMs);
  const path = join(folder.path, LEASE);
  await writeFile(path, leaseText(elsewhere, { acquired_at: acquiredAt.toISOString(), ttl_s: TTL_S }));
  await utimes(path, acquiredAt, acquiredAt);
}

const result = async () => (await reclaim(folder.path, { clock })).result;

describe("setting the host's clock forward by minutes", () => {
  it('ends no TTL early, and does not delay its end', async () => {
    await leave(0);
    expect(await result()).toBe('held');
    offMs = MINUTES_MS;
    expect(await result()).toBe('held');
    waitedMs = (TTL_S - 10) * 1000;
    expect(await result()).toBe('held');
    waitedMs = (TTL_S + 1) * 1000;
    expect(await result()).toBe('reclaimed');
  });

  it('repeatedly has no other effect', async () => {
    await leave(0);
    for (let step = 1; step <= 4; step += 1) {
      offMs = step * MINUTES_MS;
      waitedMs = step * 10_000;
      expect(await result()).toBe('held');
    }
  });

  it('leaves a lease acquired afterwards its whole TTL, and no more', async () => {
    offMs = MINUTES_MS;
    await result();
    waitedMs = 30_000;
    await leave(0);
    waitedMs += (TTL_S - 5) * 1000;
    expect(await result()).toBe('held');
    waitedMs += 6_000;
    expect(await result()).toBe('reclaimed');
  });

  it('makes no unreadable file seem old', async () => {
    await writeFile(join(folder.path, LEASE), '');
    offMs = 2 * MINUTES_MS;
    expect(await result()).toBe('trouble');
    expect(await folder.files()).toEqual([LEASE]);
  });
});

it("setting the host's clock back by minutes ends no TTL early, not even of a lease acquired afterwards", async () => {
  await leave(0);
  expect(await result()).toBe('held');
  offMs = -MINUTES_MS;
  expect(await result()).toBe('held');
  await leave(0);
  expect(await result()).toBe('held');
  waitedMs = (TTL_S + 1) * 1000;
  expect(await result()).toBe('reclaimed');
});

it.each([MINUTES_MS, -MINUTES_MS])(
  'a step of %i ms changes nothing for the dead and the living',
  async (stepMs) => {
    offMs = stepMs;
    await writeFile(join(folder.path, LEASE), leaseText(liveHolder(), { ttl_s: 1 }));
    expect(await result()).toBe('held');
    await writeFile(join(folder.path, LEASE), leaseText(await deadHolder()));
    expect(await result()).toBe('reclaimed');
  },
);

it('does not mistake passing time for a step, however long and slow', () => {
  let [wallMs, monotonicMs] = [0, 0];
  const still = new HostClock({ wallMs: () => wallMs, monotonicMs: () => monotonicMs });
  for (let n = 0; n < 100; n += 1) {
    monotonicMs += 3_600_000;
    // A slewed clock gains a second and a half per hour.
    wallMs += 3_601_500;
    expect(still.now(600).getTime()).toBe(wallMs);
  }
});
