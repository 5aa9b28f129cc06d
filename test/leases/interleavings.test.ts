import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  acquireLease,
  LeaseNames,
  releaseLease,
  renewLease,
  type AcquireResult,
  type HeldLease,
  type RepoReport,
} from '../../src/leases/index.js';
import { SteppedFolder, type Pause } from './stepped-folder.js';
import {
  acquire,
  deadHolder,
  LEASE,
  leaveLease,
  nextMillisecond,
  reclaim,
  Records,
  useLeaseFolder,
} from './support.js';

const folder = useLeaseFolder();
const OWN_NAME = /^\.merge-lease-web\.json$/;
const names = new LeaseNames('web');

async function tokenAt(name: string): Promise<unknown> {
  return (JSON.parse(await readFile(join(folder.path, name), 'utf8')) as { token: unknown }).token;
}

async function kinds(): Promise<(string | null)[]> {
  return (await folder.files()).map((name) => names.kindOf(name)).sort();
}

/** Checks the end: the lease is as its holder left it, and can be released. */
async function expectHeld(held: HeldLease): Promise<void> {
  expect(await renewLease(held)).toBe(true);
  expect(await tokenAt(LEASE)).toBe(held.lease.token);
  expect(await kinds()).toEqual(['held', 'lease']);
  expect(await releaseLease(held)).toBe(true);
  expect(await folder.files()).toEqual([]);
}

/** An acquirer that found the folder free and has not yet put its file there. */
async function startThird(): Promise<{
  steps: SteppedFolder;
  entering: Pause;
  result: Promise<AcquireResult>;
}> {
  const steps = new SteppedFolder(folder.path);
  const entering = steps.pauseBefore('link', OWN_NAME);
  const result = acquireLease({ folder: steps, repo: 'web', ttlS: 600 });
  await entering.reached;
  return { steps, entering, result };
}

describe('a lease that was judged stale, reclaimed and acquired by another before it is renamed', () => {
  let steps: SteppedFolder;
  let renaming: Pause;
  let slow: Promise<RepoReport>;
  let records: Records;

  beforeEach(async () => {
    await leaveLease(folder.path, await deadHolder());
    records = new Records();
    steps = new SteppedFolder(folder.path);
    renaming = steps.pauseBefore('rename', OWN_NAME);
    slow = reclaim(steps, { record: records.record });
    await renaming.reached;
    expect((await reclaim(folder.path, { record: records.record })).result).toBe('reclaimed');
  });

  /** Lets the slow reclaim rename a lease that is not the one it judged, and stop there. */
  async function moveAway(): Promise<Pause> {
    const looking = steps.pauseBefore('list');
    // A file with another id is put back immediately.
    const puttingBack = steps.pauseBefore('link', OWN_NAME);
    renaming.goOn();
    await Promise.race([looking.reached, puttingBack.reached]);
    expect(await kinds()).not.toContain('lease');
    return {
      reached: looking.reached,
      goOn() {
        looking.goOn();
        puttingBack.goOn();
      },
    };
  }

  it('is put back, and its new holder keeps it', async () => {
    const held = await acquire(folder.path);
    renaming.goOn();
    expect((await slow).result).not.toBe('reclaimed');
    expect(await tokenAt(LEASE)).toBe(held.lease.token);
    expect(records.made).toHaveLength(1);
    await expectHeld(held);
  });

  it('keeps acquirers out while it stands aside', async () => {
    const held = await acquire(folder.path);
    const aside = await moveAway();
    expect(await acquireLease({ folder: folder.path, repo: 'web', ttlS: 1 })).toMatchObject({
      acquired: false,
      holder: { token: held.lease.token },
    });
    aside.goOn();
    await slow;
    await expectHeld(held);
  });

  it('is left to its holder by a third process that takes its place meanwhile and withdraws first', async () => {
    const third = await startThird();
    const held = await acquire(folder.path);
    const aside = await moveAway();
    third.entering.goOn();
    expect(await third.result).toMatchObject({ acquired: false, holder: { token: held.lease.token } });
    aside.goOn();
    await slow;
    expect(await tokenAt(LEASE)).toBe(held.lease.token);
    await expectHeld(held);
  });

  it('is left to its holder by a third process that takes its place meanwhile and withdraws last', async () => {
    const third = await startThird();
    const held = await acquire(folder.path);
    const aside = await moveAway();
    const looking = third.steps.pauseBefore('list');
    third.entering.goOn();
    await looking.reached;
    expect(await tokenAt(LEASE)).not.toBe(held.lease.token);
    aside.goOn();
    await slow;
    looking.goOn();
    expect(await third.result).toMatchObject({ acquired: false });
    expect(await kinds()).toEqual(['aside', 'held']);
    expect((await reclaim(folder.path)).result).toBe('held');
    expect(await tokenAt(LEASE)).toBe(held.lease.token);
    await expectHeld(held);
  });

  it('is renewed only once the third process is gone, because it could miss the new term', async () => {
    const third = await startThird();
    const held = await acquire(folder.path);
    const aside = await moveAway();
    const looking = third.steps.pauseBefore('list');
    third.entering.goOn();
    await looking.reached;
    await expect(renewLease(held)).rejects.toThrow('Expected no other file beside the lease');
    looking.goOn();
    expect(await third.result).toMatchObject({ acquired: false });
    aside.goOn();
    await slow;
    await expectHeld(held);
  });

  it('is renewed while it stands aside', async () => {
    const held = await acquire(folder.path);
    const aside = await moveAway();
    expect(await renewLease(held)).toBe(true);
    aside.goOn();
    expect((await slow).result).not.toBe('reclaimed');
    await expectHeld(held);
  });

  it('is released while it stands aside, and does not come back', async () => {
    const held = await acquire(folder.path);
    const aside = await moveAway();
    expect(await releaseLease(held)).toBe(true);
    aside.goOn();
    await slow;
    expect(await folder.files()).toEqual([]);
  });

  it('is withdrawn while the reclaim moves it, and does not come back', async () => {
    const third = await startThird();
    const held = await acquire(folder.path);
    await rename(join(folder.path, LEASE), join(folder.path, names.newAside()));
    const withdrawing = third.steps.pauseBefore('rename', OWN_NAME);
    third.entering.goOn();
    await withdrawing.reached;
    const aside = await moveAway();
    const again = third.steps.pauseBefore('list');
    withdrawing.goOn();
    await again.reached;
    aside.goOn();
    await slow;
    again.goOn();
    expect(await third.result).toMatchObject({ acquired: false });
    expect((await reclaim(folder.path)).result).toBe('held');
    await expectHeld(held);
  });
});

it.each(['held by its second name too', 'written by another program'])(
  'a live lease that a dead reclaimer left aside keeps acquirers out, and is put back: %s',
  async (origin) => {
    const held = await acquire(folder.path);
    if (origin === 'written by another program') await new SteppedFolder(folder.path).unlink(held.heldAs);
    await rename(join(folder.path, LEASE), join(folder.path, names.newAside()));
    expect(await acquireLease({ folder: folder.path, repo: 'web', ttlS: 1 })).toMatchObject({
      acquired: false,
    });
    expect((await reclaim(folder.path)).result).toBe('held');
    expect(await tokenAt(LEASE)).toBe(held.lease.token);
    expect(await kinds()).not.toContain('aside');
  },
);

it('a lease without its main name, whose holder is suspended during a renewal, gets that name back', async () => {
  const held = await acquire(folder.path);
  await new SteppedFolder(folder.path).unlink(LEASE);
  expect((await reclaim(folder.path)).result).toBe('held');
  await expectHeld(held);
});

it('a lease that is reclaimed while its holder writes the next term is lost, and leaves nothing', async () => {
  const steps = new SteppedFolder(folder.path);
  const held = await acquire(steps, 0.001, 'elsewhere');
  await nextMillisecond();
  const writing = steps.pauseBefore('rename', /held/);
  const renewed = renewLease(held);
  await writing.reached;
  expect((await reclaim(folder.path)).result).toBe('reclaimed');
  writing.goOn();
  expect(await renewed).toBe(false);
  expect(await folder.files()).toEqual([]);
});

it('a lease that is renewed between the two checks of a reclaim is not reclaimed', async () => {
  const held = await acquire(folder.path, 0.001, 'elsewhere');
  held.lease.ttlS = 600;
  await nextMillisecond();
  const steps = new SteppedFolder(folder.path);
  const renaming = steps.pauseBefore('rename', OWN_NAME);
  const slow = reclaim(steps);
  await renaming.reached;
  expect(await renewLease(held)).toBe(true);
  renaming.goOn();
  expect((await slow).result).not.toBe('reclaimed');
  await expectHeld(held);
});
