import { rm } from 'node:fs/promises';
import { freePort, startTemporal, type TemporalServer } from '../../servers/index.js';
import { withoutServers } from './killable-postgres.js';

/** A Temporal dev server with a database file: it can be killed, started again, and wiped. */
export class KillableTemporal {
  private constructor(
    private server: TemporalServer,
    private readonly options: Parameters<typeof startTemporal>[0] & { dbFile: string },
  ) {}

  static async start(dbFile: string, log: (line: string) => void): Promise<KillableTemporal> {
    const options = { log, dbFile, port: await freePort(), uiPort: await freePort(), env: withoutServers() };
    return new KillableTemporal(await startTemporal(options), options);
  }

  get address(): string {
    return this.server.address;
  }

  /** Stays the same when it is started again. */
  get port(): number {
    return Number(this.address.split(':').at(-1));
  }

  async kill(): Promise<void> {
    if (this.server.pid === undefined) return;
    process.kill(this.server.pid, 'SIGKILL');
    await this.server.exited;
    // Only its folder is left to remove.
    await this.server.stop();
  }

  /** To be called after {@link kill}. */
  async restart(): Promise<void> {
    this.server = await startTemporal(this.options);
  }

  /** To be called between {@link kill} and {@link restart}: nothing of what it knew is left. */
  async wipe(): Promise<void> {
    const { dbFile } = this.options;
    await Promise.all(['', '-wal', '-shm', '-journal'].map((suffix) => rm(dbFile + suffix, { force: true })));
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}
