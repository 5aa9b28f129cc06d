import type { Database } from '../../src/db/database.js';
import type { Random } from '../random.js';

/** Queues jobs so that there is always something to lose: each the first of a task with stages, or a single errand. */
export class JobStream {
  #serial = 0;

  constructor(
    private readonly admin: Database,
    private readonly random: Random,
    /** Jobs that are queued or running at a time. */
    private readonly atATime: number,
  ) {}

  /** Fills up. Returns how many jobs were queued. */
  async refill(): Promise<number> {
    const { rows } = await this.admin.query<{ n: number }>(
      `select count(*)::int as n from public.jobs where status in ('queued', 'running')`,
    );
    const missing = this.atATime - (rows[0]?.n ?? 0);
    for (let n = 0; n < missing; n += 1) await this.#queueOne();
    return Math.max(0, missing);
  }

  async #queueOne(): Promise<void> {
    this.#serial += 1;
    const id = `job-${this.#serial}`;
    const repo = this.random.chance(0.15) ? 'shop' : 'web';
    const maxAttempts = this.random.pick([1, 2, 2, 3]) ?? 2;
    if (this.random.chance(0.3)) {
      await this.admin.query(
        `insert into public.jobs (id, agent, repo, max_attempts) values ($1, 'errand', $2, $3)`,
        [id, repo, maxAttempts],
      );
      return;
    }
    await this.admin.query(
      `with task as (
         insert into public.tasks (id, repo, branch, stage, work_item_id) values ($1, $2, 'main', 'development', $1) returning id
       )
       insert into public.jobs (id, task_id, agent, repo, max_attempts) select $1, id, 'developer', $2, $3 from task`,
      [id, repo, maxAttempts],
    );
  }
}
