import { rm } from 'node:fs/promises';
import {
  dropTemporalState,
  freePort,
  startPostgres,
  startTemporal,
  temporalKind,
  type PostgresServer,
  type TemporalServer,
} from '../../servers/index.js';
import { withoutServers } from './killable-postgres.js';

/** A Temporal server that keeps its state: it can be killed, started again, and wiped. */
export class KillableTemporal {
  private constructor(
    private server: TemporalServer,
    private readonly options: Parameters<typeof startTemporal>[0] & { dbFile: string },
    private readonly state: PostgresServer | null,
  ) {}

  static async start(dbFile: string, log: (line: string) => void): Promise<KillableTemporal> {
    const env = withoutServers();
    const options = { log, dbFile, port: await freePort(), uiPort: await freePort(), env };
    // Its own, because the other Postgres is killed.
    const state = temporalKind(env) === 'dev' ? null : await startPostgres({ log, env });
    try {
      const all = { ...options, stateUrl: state?.adminUrl };
      return new KillableTemporal(await startTemporal(all), all, state);
    } catch (error) {
      await state?.stop();
      throw error;
    }
  }

  get address(): string {
    return this.server.address;
  }

  /** Stays the same when it is started again. */
  get port(): number {
    return Number(this.address.split(':').at(-1));
  }

  /** Its processes, if they are more than the dev server's one. */
  get nodes(): TemporalServer['nodes'] {
    return this.server.nodes;
  }

  async kill(): Promise<void> {
    if (this.server.pid === undefined) return;
    if (this.server.nodes.length > 0) await Promise.all(this.server.nodes.map((node) => node.kill()));
    else process.kill(this.server.pid, 'SIGKILL');
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
    if (this.state !== null) await dropTemporalState(this.state.adminUrl, dbFile);
    await Promise.all(['', '-wal', '-shm', '-journal'].map((suffix) => rm(dbFile + suffix, { force: true })));
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.state?.stop();
  }
}
