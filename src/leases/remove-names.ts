import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { moveAside } from './aside.js';
import { idOf, type LeaseFolder } from './folder.js';
import type { LeaseNames } from './names.js';

const ROUNDS = 50;
const PAUSE_MS = 10;

/**
 * Removes every name of one of the caller's own files, also while a reclaim moves it about: a file that has no name left
 * can never get one again. The name that holds the lease goes last, so that whatever fails before can be tried again.
 *
 * @throws when somebody gave it new names again and again, or the file system refuses
 */
export async function removeNames(folder: LeaseFolder, names: LeaseNames, file: FileHandle): Promise<void> {
  const id = idOf(await file.stat({ bigint: true }));
  for (let round = 1; ; round++) {
    const found = await removeOnce(folder, names, id);
    if ((await file.stat({ bigint: true })).nlink === 0n) return;
    if (round === ROUNDS) {
      // Network file systems keep a name of their own for a file that is open.
      if (found === 0) return;
      throw new Error(
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
