import { setTimeout as sleep } from 'node:timers/promises';
import type { FileHandle } from 'node:fs/promises';
import type { HeldLease } from './acquire.js';
import { formatLease } from './content.js';
import { findForeign } from './find-foreign.js';
import { idOf, type LeaseFolder } from './folder.js';
import { LeaseError } from './lease-error.js';
import { LeaseNames } from './names.js';
import { removeNames } from './remove-names.js';

const ROUNDS = 40;
const PAUSE_MS = 10;

/**
 * Starts a new term of a lease that this process holds, without a gap in which it is not held: the new file gets its name
 * before the old one is removed. The old one is removed only once nobody else is about to acquire. Otherwise an acquirer
 * that lists the folder meanwhile could miss both: the new one because it came too late, the old one because it left too early.
 *
 * @returns false if the lease is lost: it was reclaimed, and another process may hold it
 * @throws LeaseError when another process stays in the way, or the file system returns an error: the lease is still held, try again
 */
export async function renewLease(held: HeldLease): Promise<boolean> {
  const { folder } = held;
  const names = new LeaseNames(held.lease.repo);
  const old = await folder.open(held.heldAs);
  if (old === null) return false;
  try {
    return await replace(held, names, old);
  } finally {
    await old.close();
  }
}

async function replace(held: HeldLease, names: LeaseNames, old: FileHandle): Promise<boolean> {
  const { folder } = held;
  const lease = { ...held.lease, acquiredAt: new Date() };
  const heldAs = names.newHeld();
  const temporary = names.newTemporary();
  const next = await folder.create(temporary, formatLease(lease));
  try {
    let continues = false;
    try {
      await folder.rename(temporary, heldAs);
      await waitUntilAlone(folder, names, [old, next]);
      // The old one is still there after the new one appeared: there was no gap.
      continues = (await folder.idOf(held.heldAs)) !== null;
    } finally {
      if (!continues) await removeNames(folder, names, next);
    }
    if (!continues) return false;
    held.lease = lease;
    held.heldAs = heldAs;
    await removeNames(folder, names, old);
    // If the file of another acquirer is there now, it withdraws, and the next reclaim puts ours there.
    await folder.link(heldAs, names.lease);
    return true;
  } finally {
    await next.close();
  }
}

async function waitUntilAlone(folder: LeaseFolder, names: LeaseNames, files: FileHandle[]): Promise<void> {
  const own = await Promise.all(files.map(async (file) => idOf(await file.stat({ bigint: true }))));
  for (let round = 1; ; round++) {
    const foreign = await findForeign(folder, names, own);
    if (foreign === null) return;
    if (round === ROUNDS) {
      throw new LeaseError(
        `Expected no other file beside the lease of \`${names.repo}\`, got \`${foreign}\`: try again`,
      );
    }
    await sleep(PAUSE_MS);
  }
}
