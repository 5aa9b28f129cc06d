import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/paths.js';

const CLI = join(packageRoot, 'dist', 'src', 'cli.js');
/** The environment of a user that is in no user database, like systemd's DynamicUser without libnss-systemd. */
const UNKNOWN_UID = 54_321;

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)('a user without a home can run a worker (needs root, to become one)', () => {
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'status'], {
    uid: UNKNOWN_UID,
    gid: UNKNOWN_UID,
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  expect(stderr).toContain('DATABASE_URL');
  expect(stderr).not.toContain('    at ');
  expect(status).toBe(1);
});
