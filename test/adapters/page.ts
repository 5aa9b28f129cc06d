import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, inject } from 'vitest';
import { createDatabase, dropDatabase } from '../../servers/index.js';
import { kill, startCli, type Env, type RunningCli } from '../cli/support.js';
import { blocksOf, commandsOf, readPage, wordsOf, type Block } from '../docs/support.js';
import { eventually } from '../support/wait.js';

/** How long one step of a page may take, and the whole page: it starts a dozen processes, one after the other, on a machine that may be busy. */
const STEP_MS = 240_000;
export const PAGE_MS = 900_000;

/** The blocks of a queue's page, in its order. */
export interface PageBlocks {
  /** The worker with the line. */
  line: string;
  install: Block | undefined;
  logins: string;
  observe: Block | undefined;
  activate: Block | undefined;
  /** How to find reaped jobs. */
  reaped: string;
  back: Block | undefined;
  remove: string;
}

/** What differs between the queues' pages. */
export interface PagedQueue {
  /** Makes the worker of the page runnable, and the queue's tables where it does not make them itself; returns the worker's command. */
  prepare: (line: string, page: Page) => Promise<readonly string[]>;
  /** Finds nothing until the queue's tables are there. */
  tables: string;
  /** Whether the workers announce themselves. */
  announces: boolean;
  /** Enqueues a job that takes so many seconds and may be tried so often. */
  addJob: (page: Page, seconds: number, maxAttempts: number) => Promise<string>;
  /** What the page's query must find: a job with attempts left, and one without. */
  reaped: (kept: string, tried: string, error: unknown) => object[];
  /** Counts jobs that have ended well and jobs that are running. */
  done: string;
  running: string;
}

/** The page of a queue, followed in a database of its own. */
export class Page {
  readonly #workers: ChildProcess[] = [];
  #reaper: RunningCli | undefined;
  #command: readonly string[] = [];

  private constructor(
    readonly name: string,
    readonly queue: PagedQueue,
    readonly databaseUrl: string,
    readonly admin: pg.Client,
    readonly env: Env,
    readonly blocks: PageBlocks,
  ) {}

  static async open(file: string, queue: PagedQueue): Promise<Page> {
    const name = `page_${randomBytes(4).toString('hex')}`;
    const databaseUrl = await createDatabase(inject('adminUrl'), name);
    const admin = new pg.Client({ connectionString: databaseUrl });
    await admin.connect();
    await admin.query(`create role ${name}_app`);
    const url = new URL(databaseUrl);
    url.username = url.password = name;
    const env = {
      DATABASE_ADMIN_URL: databaseUrl,
      DATABASE_URL: url.href,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      REAPER_NAME: name,
      REAPER_INTERVAL_S: '0.5',
    };
    const text = await readPage(file);
    const [line, install, logins, observe, activate, reaped, back, remove] = blocksOf(
      text.replaceAll('job_reaper', name).replaceAll('my_app', `${name}_app`),
    );
    const blocks = {
      line: line?.text ?? '',
      install,
      logins: logins?.text ?? '',
      observe,
      activate,
      reaped: reaped?.text ?? '',
      back,
      remove: remove?.text ?? '',
    };
    return new Page(name, queue, databaseUrl, admin, env, blocks);
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await this.#kill(worker);
    if (this.#reaper) await kill(this.#reaper);
    await this.admin.end();
    await dropDatabase(inject('adminUrl'), this.name);
    const server = new pg.Client({ connectionString: inject('adminUrl') });
    await server.connect();
    await server.query(`drop role if exists ${this.name}; drop role if exists ${this.name}_app`);
    await server.end();
  }

  /** From workers with the line to an activated reaper, and back. */
  async follow(): Promise<void> {
    const { blocks, queue } = this;
    this.#command = await queue.prepare(blocks.line, this);
    const first = this.#startWorker();
    await this.isThere('its tables', queue.tables);

    expect(await this.#run(blocks.install)).toContain('Mode: observe.');
    await this.admin.query(blocks.logins);
    // The line is retried until the schema is there.
    if (queue.announces) await this.isThere('the announcement', 'select from reaper.queue_worker');
    this.#reaper = startCli(['worker'], this.env);
    await this.isThere('a sweep', 'select from reaper.last_sweep');
    const [kept, tried] = [await queue.addJob(this, 3_600, 25), await queue.addJob(this, 3_600, 1)];
    await this.isThere('both jobs', 'select from reaper.running_job having count(*) = 2');

    const observed = await this.#run(blocks.observe);
    expect(observed).toContain('observing: a dry run');
    expect(observed).toContain('all known');

    await this.#kill(first);
    await this.isThere('would-be reaps', 'select from reaper.observation having count(*) = 2');
    expect(await this.#run(blocks.activate)).toMatch(
      /would have reaped 2 runs(.|\n)*active: dead runs are reaped/,
    );
    await this.isThere('the reaps', 'select from reaper.running_job having count(*) = 0');
    const { rows } = await this.admin.query<{ id: string }>(blocks.reaped);
    const error = expect.stringMatching(/^(reaped: )?dead pid=/) as unknown;
    expect(rows.sort((a, b) => (a.id === kept ? -1 : b.id === kept ? 1 : 0))).toEqual(
      queue.reaped(kept, tried, error),
    );

    expect(await this.#run(blocks.back)).toContain('Paused');
    await kill(this.#reaper);
    // A worker of the queue is at work meanwhile.
    this.#startWorker();
    await this.isThere('a job at work', `select where (${queue.running}) > 0`);
    for (const statement of blocks.remove.split('\n').filter((text) => text !== ''))
      await this.admin.query(statement);
    await queue.addJob(this, 0, 1);
    await this.isThere('a job that is done', `select where (${queue.done}) > 0`);
  }

  async isThere(what: string, sql: string): Promise<void> {
    await eventually(
      what,
      async () => {
        // Before a table is there, too.
        const found = await this.admin.query(sql).catch(() => null);
        return found !== null && found.rowCount !== 0;
      },
      STEP_MS,
    );
  }

  #startWorker(): ChildProcess {
    const [program = '', ...words] = this.#command;
    const child = spawn(program, words, {
      env: { PATH: process.env['PATH'], DATABASE_URL: this.databaseUrl },
      stdio: 'ignore',
    });
    this.#workers.push(child);
    return child;
  }

  async #kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'close');
  }

  /** Runs the commands of a block, and returns what they print. */
  async #run(block: Block | undefined): Promise<string> {
    let printed = '';
    for (const command of block ? commandsOf(block) : []) {
      const { code, stdout, stderr } = await startCli(wordsOf(command).slice(1), this.env).ended;
      expect(stderr, command).toBe('');
      expect(code, `${command}: ${stdout}`).toBe(0);
      printed += stdout;
    }
    return printed;
  }
}
