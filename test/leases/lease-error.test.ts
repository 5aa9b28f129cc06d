import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { acquireLease } from '../../src/leases/index.js';
import { LeaseFolder } from '../../src/leases/folder.js';
import { folderError } from '../../src/leases/lease-error.js';
import { packageRoot } from '../../src/paths.js';

const errno = (code: string) => Object.assign(new Error(`${code}: raw`), { code });

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'lease-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

it.each(['ENOTSUP', 'EPERM', 'EOPNOTSUPP', 'ENOSYS'])(
  'a folder without hard links is reported as that: %s',
  (code) => {
    const error = folderError('/srv/leases', 'link', errno(code));
    expect(error.message).toBe(
      `Expected the lease folder \`/srv/leases\` to be on a file system with hard links, because without them two processes could hold one lease: move MERGE_LEASE_DIR to one that has them (${code})`,
    );
    expect(error).toMatchObject({ code });
  },
);

it('an unknown failure names the call, and keeps the text', () => {
  expect(folderError('/srv', 'rename', errno('EIO')).message).toContain('to allow a rename, got EIO: raw');
});

it('a missing folder, or one that is not a folder, is reported as that', async () => {
  const folder = temporaryFolder();
  const missing = acquireLease({ folder: join(folder, 'x'), repo: 'web', ttlS: 60 });
  await expect(missing).rejects.toThrow('to exist, got nothing: create it, or correct MERGE_LEASE_DIR');
  writeFileSync(join(folder, 'file'), '');
  const none = acquireLease({ folder: join(folder, 'file'), repo: 'web', ttlS: 60 });
  await expect(none).rejects.toThrow('to be a folder');
});

/** A lease folder on a separate file system, in a separate mount namespace. */
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

it.skipIf(!canMount)(
  'a read-only or full file system is reported as that (needs unshare and permission to mount)',
  () => {
    expect(acquireOn('rw')).toBe('acquired');
    expect(acquireOn('ro')).toContain('to be writable, got a read-only file system');
    expect(acquireOn('size=4k', 'cat /dev/zero > filler 2> /dev/null || true')).toContain(
      'to have room for a file, got a full file system',
    );
  },
);

it('an expected failure stays a result', async () => {
  const folder = new LeaseFolder(temporaryFolder());
  expect(await folder.unlink('x')).toBe(false);
  expect(await folder.link('x', 'y')).toBe('absent');
});
