import { createHash } from 'node:crypto';
import type { JobRun } from '../domain/types.js';

/** Stands for the facts that a verdict on a run rests on; the claim compares the facts themselves. */
export function digestOf({
  pid,
  processIdentity,
  exitCode,
}: Pick<JobRun, 'pid' | 'processIdentity' | 'exitCode'>): string {
  const text = JSON.stringify([pid, processIdentity, exitCode]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}
