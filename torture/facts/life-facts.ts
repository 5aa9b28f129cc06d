import type { LifeSign } from '../agents/life-sign.js';

/** What an agent itself said about its life. */
export interface Life {
  jobId: string;
  runId: string;
  pid: number;
  processIdentity: string | null;
  bornMs: number;
  /** The last moment at which it was certainly alive. */
  lastMs: number;
  delivered: boolean;
  exitsWithZero: boolean;
}

/** The lives of all agents, by run. */
export class LifeFacts {
  readonly lives = new Map<string, Life>();

  learn({ sign, jobId, runId, pid, processIdentity, atMs }: LifeSign): void {
    let life = this.lives.get(runId);
    if (life === undefined) {
      life = {
        jobId,
        runId,
        pid,
        processIdentity,
        bornMs: atMs,
        lastMs: atMs,
        delivered: false,
        exitsWithZero: false,
      };
      this.lives.set(runId, life);
    }
    life.lastMs = Math.max(life.lastMs, atMs);
    life.delivered ||= sign === 'delivered';
    life.exitsWithZero ||= sign === 'exits with 0';
  }

  /** Another process saw that an agent is alive: it may be stopped, and unable to say so itself. */
  sawAlive(runId: string, atMs: number): void {
    const life = this.lives.get(runId);
    if (life !== undefined) life.lastMs = Math.max(life.lastMs, atMs);
  }
}
