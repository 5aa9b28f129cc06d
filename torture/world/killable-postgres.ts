import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres, type PostgresServer } from '../../servers/index.js';
import { postgresBinaries, postgresUser } from '../../servers/postgres-files.js';
import { postgresArguments } from '../../servers/postgres.js';
import { startServerProcess, type ServerProcess } from '../../src/servers/server-process.js';

const START_LIMIT_S = 60;

/** An embedded Postgres that can be killed, and started again on the same data and port. */
export class KillablePostgres {
  #restarted: ServerProcess | null = null;

  private constructor(
    private readonly first: PostgresServer,
    private readonly dataFolder: string,
    private readonly log: (line: string) => void,
  ) {}

  static async start(log: (line: string) => void): Promise<KillablePostgres> {
    const first = await startPostgres({ log, env: withoutServers() });
    const { rows } = await ask<{ data_directory: string }>(first.adminUrl, 'show data_directory');
    return new KillablePostgres(first, rows[0]?.data_directory ?? '', log);
  }

  /** Superuser's URL of the database `postgres`. */
  get adminUrl(): string {
    return this.first.adminUrl;
  }

  get port(): number {
    return Number(new URL(this.adminUrl).port);
  }

  /** SIGKILL to the postmaster. Its backends notice, and go too. */
  async kill(): Promise<void> {
    const { pid, exited } = this.#restarted ?? this.first;
    if (pid === undefined) return;
    process.kill(pid, 'SIGKILL');
    await exited;
  }

  /** Starts it again, as an init system would: again and again while the last backends keep it from it. */
  async restart(): Promise<void> {
    for (const deadline = Date.now() + START_LIMIT_S * 1000; ;) {
      try {
        this.#restarted = await this.#serve();
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await setTimeout(200);
      }
    }
  }

  async stop(): Promise<void> {
    await this.#restarted?.stop();
    // Removes the data as well.
    await this.first.stop();
  }

  async #serve(): Promise<ServerProcess> {
    const user = await postgresUser();
    // The server's own folder is this one, removed whenever a server ends; the data stay where they are.
    const folder = await mkdtemp(join(tmpdir(), 'job-reaper-postgres-again-'));
    const bin = await postgresBinaries(user, join(folder, 'files'));
    const server = await startServerProcess({
      name: 'the restarted Postgres',
      file: join(bin, 'postgres'),
      args: postgresArguments(this.dataFolder, this.port),
      env: { PATH: process.env['PATH'], LANG: 'C' },
      logFile: join(folder, 'server.log'),
      folder,
      stopSignal: 'INT',
      orphanSignal: 'QUIT',
      user,
    }).catch(async (error: unknown) => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
    await server.ready(this.log, START_LIMIT_S, () => ask(this.adminUrl, 'select 1'));
    return server;
  }
}

/** The harness kills its servers, so they are always its own. */
export function withoutServers(): NodeJS.ProcessEnv {
  return { ...process.env, DATABASE_ADMIN_URL: undefined, TEMPORAL_ADDRESS: undefined };
}

async function ask<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<pg.QueryResult<Row>> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5_000,
    query_timeout: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.query<Row>(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}
