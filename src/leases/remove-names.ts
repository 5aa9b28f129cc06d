import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { moveAside } from './aside.js';
import { LeaseError } from './lease-error.js';
import { idOf, type LeaseFolder } from './folder.js';
import type { LeaseNames } from './names.js';

const ROUNDS = 50;
const PAUSE_MS = 10;

/**
 * Removes every name of one of the caller's files, even while a reclaim is moving it: a file without a name can never get
 * one again. The name that holds the lease is removed last, so that a failure before that can be retried.
 *
 * @throws LeaseError when the file keeps getting new names, or the file system returns an error
 */
export async function removeNames(folder: LeaseFolder, names: LeaseNames, file: FileHandle): Promise<void> {
  const id = idOf(await file.stat({ bigint: true }));
  for (let round = 1; ; round++) {
    const found = await removeOnce(folder, names, id);
    if ((await file.stat({ bigint: true })).nlink === 0n) return;
    if (round === ROUNDS) {
      // Network file systems keep an internal name for an open file.
      if (found === 0) return;
      throw new LeaseError(
        `Expected \`${names.lease}\` to be removed after ${ROUNDS} tries, got new names for it each time: try again`,
      );
    }
    await sleep(PAUSE_MS);
  }
}

async function removeOnce(folder: LeaseFolder, names: LeaseNames, id: string): Promise<number> {
  const held: string[] = [];
  let found = 0;
  for (const { name, kind } of await folder.list(names)) {
    if ((await folder.idOf(name)) !== id) continue;
    found++;
    if (kind === 'held') held.push(name);
    else {
      const own = kind === 'lease' ? await moveAside(folder, names, id) : name;
      if (own !== null) await folder.unlink(own);
    }
  }
  for (const name of held) await folder.unlink(name);
  return found;
}
