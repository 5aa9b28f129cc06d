import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { acquireLease } from '../../src/leases/index.js';
import { LeaseFolder } from '../../src/leases/folder.js';
import { folderError } from '../../src/leases/folder-error.js';
import { packageRoot } from '../../src/paths.js';

const errno = (code: string) => Object.assign(new Error(`${code}: raw`), { code });

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lease-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

it.each(['ENOTSUP', 'EPERM', 'EOPNOTSUPP', 'ENOSYS'])(
  'a folder without hard links is called that: %s',
  (code) => {
    const error = folderError('/srv/leases', 'link', errno(code));
    expect(error.message).toBe(
      `Expected the lease folder \`/srv/leases\` to be on a file system with hard links, without which two could hold one lease: put MERGE_LEASE_DIR on one that has them (${code})`,
    );
    expect(error).toMatchObject({ code });
  },
);

it('an unknown failure says which call it was, and keeps its text', () => {
  expect(folderError('/srv', 'rename', errno('EIO')).message).toContain('to take a rename, got EIO: raw');
});

it('a folder that is not there, or none, is called that', async () => {
  const folder = temporaryFolder();
  const missing = acquireLease({ folder: join(folder, 'x'), repo: 'web', ttlS: 60 });
  await expect(missing).rejects.toThrow('to be there, got nothing: make it, or correct MERGE_LEASE_DIR');
  writeFileSync(join(folder, 'file'), '');
  const none = acquireLease({ folder: join(folder, 'file'), repo: 'web', ttlS: 60 });
  await expect(none).rejects.toThrow('to be a folder');
});

/** A lease folder on a file system of its own, in a mount namespace of its own. */
function acquireOn(mountOptions: string, before = 'true'): string {
  const folder = temporaryFolder();
  const script = join(temporaryFolder(), 'acquire.mjs');
  const leases = pathToFileURL(join(packageRoot, 'dist/src/leases/index.js')).href;
  writeFileSync(
    script,
    `import { acquireLease } from ${JSON.stringify(leases)};
     const folder = process.argv[2];
     console.log(await acquireLease({ folder, repo: 'web', ttlS: 60 }).then(() => 'acquired', ({ message }) => message));`,
  );
  const commands = `mount -t tmpfs -o ${mountOptions} none "$0" && cd "$0" && { ${before}; } && exec "$1" "$2" "$0"`;
  const args = ['--mount', 'sh', '-c', commands, folder, process.execPath, script];
  return execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

const canMount = (() => {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

it.skipIf(!canMount)('a read-only or a full file system is called that (needs the right to mount)', () => {
  expect(acquireOn('rw')).toBe('acquired');
  expect(acquireOn('ro')).toContain('to be writable, got a read-only file system');
  expect(acquireOn('size=4k', 'cat /dev/zero > filler 2> /dev/null || true')).toContain(
    'to have room for a file, got a full file system',
  );
});

it('what is no trouble stays a result', async () => {
  const folder = new LeaseFolder(temporaryFolder());
  expect(await folder.unlink('x')).toBe(false);
  expect(await folder.link('x', 'y')).toBe('absent');
});
