import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { inject, onTestFinished } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { freePort } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startProcess, type TestProcess } from '../support/process.js';

/** The built program. */
export const CLI = join(packageRoot, 'dist', 'src', 'cli.js');

/** Environment variables of one command; undefined ones are not set. */
export type Env = Record<string, string | undefined>;

/** How a command ended. */
export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A running command. */
export interface RunningCli {
  pid: number;
  process: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  ended: Promise<CliResult>;
}

const children = new Set<ChildProcess>();
// Anything that a failed test left behind.
process.once('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** Starts the built program like an operator. If it does not end on its own, call {@link kill}. */
export function startCli(args: string[], env: Env = {}): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    // No terminal, and nothing of our environment but what a command needs.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: process.env['TMPDIR'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(() => {
    children.delete(child);
    return { code: child.exitCode, stdout, stderr };
  });
  if (child.pid === undefined) throw new Error('Expected the command to start, got no process');
  return { pid: child.pid, process: child, output: () => stdout + stderr, ended };
}

/** Runs one command to its end. */
export async function cli(args: string[], env: Env = {}): Promise<CliResult> {
  const running = startCli(args, env);
  onTestFinished(() => kill(running));
  return running.ended;
}

/** Kills a command that may still be running, and waits for its end. */
export async function kill({ process: child, ended }: RunningCli): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await ended;
}

/** A database and a REAPER_NAME for one test file, with the environment that its commands need. */
export interface Place {
  db: TestDatabase;
  /** REAPER_NAME. */
  name: string;
  env: Env;
  /** The same, but nothing listens at TEMPORAL_ADDRESS. */
  envWithoutTemporal: Env;
}

/** Creates a {@link Place}; `db.drop` removes it. */
export async function createPlace(adapter: 'reference' | 'minimal' = 'reference'): Promise<Place> {
  const db = await createTestDatabase(adapter);
  const name = `cli-${randomBytes(5).toString('hex')}`;
  const env: Env = {
    DATABASE_URL: db.reaperUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
    REAPER_NAME: name,
    REAPER_HOST: 'host-1',
    REAPER_INTERVAL_S: '0.5',
  };
  const nowhere = `127.0.0.1:${await freePort()}`;
  return { db, name, env, envWithoutTemporal: { ...env, TEMPORAL_ADDRESS: nowhere } };
}

/** A process that lives until the end of the test. */
export function liveProcess(): TestProcess {
  const process = startProcess();
  onTestFinished(() => process.kill());
  return process;
}

/** A dead process with its stamp. */
export async function deadProcess(): Promise<TestProcess> {
  const process = startProcess();
  await process.kill();
  return process;
}
