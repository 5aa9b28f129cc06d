import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { inject, type TestContext } from 'vitest';
import { freePort, type TemporalServer } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { startOwnTemporal, type OwnTemporalOptions } from './own-temporal.js';
import { startProcess, type TestProcess } from './process.js';
import { Proxy } from './proxy.js';
import { insertRunningJob, readJob } from './rows.js';
import { terminateAll } from './terminate-all.js';
import { eventually } from './wait.js';
import { WorkerProcess } from './worker-process.js';

/** The same URL by way of a proxy. */
export function through(proxy: Proxy, url: string): string {
  const changed = new URL(url);
  changed.host = `127.0.0.1:${proxy.port}`;
  return changed.href;
}

/** One test's database and REAPER_NAME, and all that it starts: tests that mostly wait can do so at the same time. */
export class World {
  readonly #ends: (() => Promise<unknown>)[] = [];

  private constructor(
    readonly db: TestDatabase,
    readonly name: string,
    readonly connection: Connection,
    readonly client: Client,
  ) {}

  /** A world that ends with its test. */
  static async of({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<World> {
    const db = await createTestDatabase();
    const connection = await Connection.connect({ address: inject('temporalAddress') });
    const name = `e2e-${randomBytes(6).toString('hex')}`;
    const world = new World(db, name, connection, new Client({ connection }));
    onTestFinished(() => world.#end());
    return world;
  }

  async #end(): Promise<void> {
    await Promise.all(this.#ends.map((end) => end()));
    await terminateAll(this.client, this.name);
    await this.connection.close();
    await this.db.drop();
  }

  startWorker(env: Record<string, string> = {}, module?: string): WorkerProcess {
    const worker = new WorkerProcess(
      { REAPER_NAME: this.name, DATABASE_URL: this.db.reaperUrl, ...env },
      module,
    );
    this.#ends.push(() => worker.kill());
    return worker;
  }

  /** The Temporal of this test alone. */
  async startTemporal(options: OwnTemporalOptions): Promise<TemporalServer> {
    const server = await startOwnTemporal(options);
    this.#ends.push(() => server.stop());
    return server;
  }

  /** A way to the server at a URL, or at a host and port. */
  async startProxy(url: string): Promise<Proxy> {
    const { hostname, port } = new URL(url.includes('//') ? url : `tcp://${url}`);
    const proxy = await Proxy.to({ host: hostname, port: Number(port) }, await freePort());
    this.#ends.push(() => proxy.cut());
    return proxy;
  }

  startProcess(): TestProcess {
    const process = startProcess();
    this.#ends.push(() => process.kill());
    return process;
  }

  /** A running job whose process is dead. */
  async killedJob(id: string): Promise<void> {
    const agent = this.startProcess();
    await insertRunningJob(this.db.admin, { id, ...agent });
    await agent.kill();
  }

  async jobStatus(id: string): Promise<unknown> {
    return (await readJob(this.db.admin, id))['status'];
  }

  requeued(id: string, limitMs?: number): Promise<true> {
    return eventually(`job ${id} requeued`, async () => (await this.jobStatus(id)) === 'queued', limitMs);
  }
}
