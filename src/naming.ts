import { createHash } from 'node:crypto';
import { isSafePart } from './domain/safe-part.js';
import type { RunRef } from './domain/types.js';

/**
 * Names of workflows and task queues. They use `[A-Za-z0-9._-]`. A part that has any other character, is too long or looks
 * like a hash is replaced with its hash, so that no two parts share a name.
 */
export class Names {
  /** @param reaper REAPER_NAME: the id of the reaper workflow, and the prefix of all other names */
  constructor(readonly reaper: string) {}

  /** The queue of workflows and of the activities that talk to Postgres. */
  get workflowQueue(): string {
    return this.reaper;
  }

  /** The queue that only one host's probe polls. */
  probeQueue(host: string): string {
    return `${this.reaper}/probe/${safePart(host)}`;
  }

  /** The queue of the workers that have the lease folder. */
  get leaseQueue(): string {
    return `${this.reaper}/leases`;
  }

  /** The queue of gates, which may be slow. Each worker that polls the workflow queue polls this one too, with separate slots. */
  get gateQueue(): string {
    return `${this.reaper}/gates`;
  }

  /** The id of the workflow that looks after one run. */
  watchId({ jobId, runKey }: RunRef): string {
    return `${this.reaper}/watch/${safePart(jobId)}/${safePart(runKey)}`;
  }

  /** The id of the workflow that looks after all runs of one host at once, or of those without a host. */
  hostWatchId(host: string | null): string {
    return host === null || host === '' ? `${this.reaper}/no-host` : `${this.reaper}/host/${safePart(host)}`;
  }
}

function safePart(text: string): string {
  if (isSafePart(text)) return text;
  return `sha256-${createHash('sha256').update(text).digest('hex')}`;
}
