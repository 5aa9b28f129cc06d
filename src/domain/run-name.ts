import type { RunRef } from './types.js';

/** Names a run as one text, for maps and sets. */
export function runName({ jobId, runKey }: RunRef): string {
  return JSON.stringify([jobId, runKey]);
}
