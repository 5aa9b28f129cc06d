import { existsSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { onTestFinished } from 'vitest';

import { packageRoot } from '../../src/paths.js';

/** For servers whose log lines no test checks. */
export const silent = () => undefined;

/** The environment without the variables that name existing servers, or another kind of Temporal server. */
export function embeddedEnv(): NodeJS.ProcessEnv {
  const names = new Set(['DATABASE_ADMIN_URL', 'TEMPORAL_ADDRESS', 'REAPER_TEST_TEMPORAL']);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.has(name)));
}

/** Stops a server at the end of the test, whatever its outcome. */
export async function stoppedAfterwards<T extends { stop(): Promise<void> }>(
  starting: Promise<T>,
): Promise<T> {
  const server = await starting;
  onTestFinished(() => server.stop(), 30_000);
  return server;
}

/** A folder that is removed at the end of the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'servers-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Whether a process is running; a zombie is not. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  if (!existsSync('/proc/self/stat')) return true;
  try {
    const text = readFileSync(stat, 'utf8');
    return !/^ [ZX]/.test(text.slice(text.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

/** Whether `condition` becomes true within `limitMs`. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}

/**
 * Writes `program` as a Node program that may import `./servers/index.js`, as built: some tests need a process that can be
 * killed.
 */
export async function nodeProgram(program: string): Promise<string> {
  const folder = join(packageRoot, '.cache', `servers-test-${process.pid}-${Date.now()}`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await mkdir(folder, { recursive: true });
  await symlink(join(packageRoot, 'dist', 'servers'), join(folder, 'servers'), 'junction');
  const path = join(folder, 'program.mjs');
  await writeFile(path, program);
  return path;
}

/** The names of the folders that embedded servers have in `parent`. */
export async function serverFolders(parent: string): Promise<string[]> {
  const names = await readdir(parent);
  return names.filter((name) => name.startsWith('job-reaper-'));
}
