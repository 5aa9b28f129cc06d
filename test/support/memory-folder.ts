import { readFile, statfs } from 'node:fs/promises';

const FOLDER = '/dev/shm';
const MIN_FREE_BYTES = 4 * 2 ** 30;

/**
 * A folder in memory for the databases, if this machine has one with room. Copying and dropping databases creates and
 * deletes thousands of files, and ext4 takes ten times as long to create a file while it keeps many deleted ones apart.
 */
export async function memoryFolder(): Promise<string | undefined> {
  try {
    const { bavail, bsize } = await statfs(FOLDER);
    const mounts = await readFile('/proc/self/mounts', 'utf8');
    // The server's own files may have to be copied next to its data.
    const usable = mounts.split('\n').some((line) => {
      const [, folder, type, options = ''] = line.split(' ');
      return folder === FOLDER && type === 'tmpfs' && !options.split(',').includes('noexec');
    });
    return usable && bavail * bsize >= MIN_FREE_BYTES ? FOLDER : undefined;
  } catch {
    return undefined;
  }
}
