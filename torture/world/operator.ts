import type { Client } from '@temporalio/client';
import type { Database } from '../../src/db/database.js';
import { operate } from '../../src/db/operate.js';
import type { HoldKind, Operation } from '../../src/domain/operation.js';
import type { BlockFacts } from '../facts/block-facts.js';

const BY = 'torture';

/** An operator: writes to Postgres first, then signals, like the CLI; and remembers what may be relied on. */
export class Operator {
  constructor(
    /** As role `reaper`. */
    private readonly pool: Database,
    private readonly client: Client,
    private readonly reaperName: string,
    private readonly blocks: BlockFacts,
  ) {}

  async pause(): Promise<void> {
    await this.#do({ action: 'pause', reason: 'torture', by: BY }, () => this.blocks.began('paused'));
  }

  async resume(): Promise<void> {
    this.blocks.ends('paused');
    await this.#do({ action: 'resume', by: BY });
  }

  async observe(): Promise<void> {
    await this.#do({ action: 'observe', by: BY }, () => this.blocks.began('dry run'));
  }

  async activate(): Promise<void> {
    this.blocks.ends('dry run');
    await this.#do({ action: 'activate', by: BY });
  }

  async hold(kind: HoldKind, value: string, seconds: number): Promise<void> {
    // A hold that is put again is a new one, and may end before the old one.
    this.blocks.ends(kind, value);
    const untilMs = Date.now() + seconds * 1000;
    await this.#do({ action: 'hold', kind, value, reason: 'torture', seconds, by: BY }, () =>
      this.blocks.began(kind, value, untilMs),
    );
  }

  async release(kind: HoldKind, value: string): Promise<void> {
    this.blocks.ends(kind, value);
    await this.#do({ action: 'release', kind, value, by: BY });
  }

  /** @throws while its probe answers, or has just answered */
  async declareGone(host: string): Promise<void> {
    await this.#do({ action: 'host-gone', host, by: BY });
  }

  /** A stock signal, as anyone can send it: nothing may be relied on before it is written. */
  async signal(name: 'pause' | 'resume' | 'forceSweep'): Promise<void> {
    if (name === 'resume') this.blocks.ends('paused');
    await this.client.workflow.getHandle(this.reaperName).signal(name);
  }

  /** @param whenWritten from now on it may be relied on */
  async #do(operation: Operation, whenWritten?: () => void): Promise<void> {
    await operate(this.pool, operation);
    whenWritten?.();
    const input = { ...operation, written: true };
    await this.client
      .withDeadline(Date.now() + 2_000, () =>
        this.client.workflow.getHandle(this.reaperName).signal(operation.action, input),
      )
      // Written is written; without Temporal the next sweep sees it.
      .catch(() => undefined);
  }
}
