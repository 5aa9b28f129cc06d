import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { withProgress, type ServerLog } from './progress.js';

const POLL_MS = 500;
const TOUCH_EVERY_MS = 10_000;
/** A live holder touches its lock more often than this. So this also catches a pid that was reused. */
const STALE_AFTER_MS = 60_000;

/**
 * Runs `work` while this process holds the lock directory `path`. Waits for another holder to finish, and takes over from
 * a dead one.
 *
 * It only avoids doing work twice: two processes that see the same dead holder may both continue, so `work` must be correct
 * without it.
 *
 * @param waiting continues the sentence "still ...", logged while another process holds the lock
 */
export async function withDirLock<T>(
  path: string,
  { log, waiting }: { readonly log: ServerLog; readonly waiting: string },
  work: () => Promise<T>,
): Promise<T> {
  if (!(await tryTake(path))) {
    log(waiting);
    await withProgress(log, waiting, async () => {
      while (!(await tryTake(path))) await sleep(POLL_MS);
    });
  }
  const touch = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, TOUCH_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    await rm(path, { recursive: true, force: true });
  }
}

async function tryTake(path: string): Promise<boolean> {
  if (await create(path)) return true;
  if (!(await isStale(path))) return false;
  // If several processes see the same dead holder, one rename succeeds.
  const aside = `${path}.stale.${process.pid}`;
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  );
  if (moved) await rm(aside, { recursive: true, force: true });
  return moved && (await create(path));
}

async function create(path: string): Promise<boolean> {
  try {
    await mkdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(join(path, 'pid'), String(process.pid));
  return true;
}

async function isStale(path: string): Promise<boolean> {
  const seen = await stat(path).catch(() => undefined);
  if (!seen) return false;
  if (Date.now() - seen.mtimeMs > STALE_AFTER_MS) return true;
  const pid = Number(await readFile(join(path, 'pid'), 'utf8').catch(() => ''));
  // No pid yet: the holder has made the folder, but not written its pid.
  return pid > 0 && !exists(pid);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
