import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/paths.js';
import { installPython } from './python.js';

/** The tests' program. */
export const WORKER = join(packageRoot, 'test/adapters/procrastinate/worker.py');

/** The folder with Procrastinate, for PYTHONPATH; null if it cannot be had here. */
export async function installProcrastinate(): Promise<string | null> {
  return installPython('procrastinate==3.10.0', 'psycopg[binary]==3.3.9');
}

/** Runs the tests' program to its end, and returns what it prints. */
export async function runPython(
  packages: string,
  url: string,
  schema: string,
  ...words: string[]
): Promise<string> {
  const { stdout } = await promisify(execFile)('python3', [WORKER, ...words], {
    env: { ...process.env, PYTHONPATH: packages, DATABASE_URL: url, SCHEMA: schema },
    timeout: 60_000,
  });
  return stdout;
}
