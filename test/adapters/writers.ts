import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { eventually } from '../support/wait.js';

/** Sessions that take and give back jobs of a queue as fast as they can. */
export class Writers {
  /** What failed. */
  readonly errors: string[] = [];
  takes = 0;
  #isOver = false;
  #loops: Promise<void>[] = [];

  private constructor(readonly clients: readonly pg.Client[]) {}

  /**
   * @param take a statement that takes a job, as the queue does, and returns one row
   * @param giveBack what makes jobs takeable again; run when there is none
   */
  static async start(
    options: pg.ClientConfig,
    take: string,
    giveBack: string,
    sessions = 4,
  ): Promise<Writers> {
    const clients = Array.from({ length: sessions }, () => new pg.Client(options));
    await Promise.all(clients.map((client) => client.connect()));
    const writers = new Writers(clients);
    writers.#loops = clients.map((client) => writers.#run(client, take, giveBack));
    return writers;
  }

  async #run(client: pg.Client, take: string, giveBack: string): Promise<void> {
    while (!this.#isOver) {
      try {
        const { rowCount } = await client.query(take);
        if (rowCount === 0) await client.query(giveBack);
        else this.takes += 1;
      } catch (error) {
        this.errors.push((error as Error).message);
        await setTimeout(10);
      }
    }
  }

  /** Waits for so many takes from now on. */
  async go(takes = 50): Promise<void> {
    const from = this.takes;
    await eventually(
      `${takes} takes (${this.errors.slice(0, 3).join('; ')})`,
      () => this.takes >= from + takes,
    );
  }

  /** Ends them. Returns what failed. */
  async end(): Promise<string[]> {
    this.#isOver = true;
    await Promise.all(this.#loops);
    await Promise.all(this.clients.map((client) => client.end()));
    return [...new Set(this.errors)];
  }
}
