import { fileURLToPath } from 'node:url';
import type { DBOS, DBOSClient, WorkflowStatus } from '@dbos-inc/dbos-sdk';
import type { MigrateResult } from '../../src/db/migrate.js';
import { createAppDatabase, QueueWorld, type AppDatabase, type JobSpec } from './queue-world.js';

const SCRIPT = fileURLToPath(new URL('./dbos-process.mjs', import.meta.url));

/** The packages, by the names under which they are installed here. */
export type DbosVersion = '@dbos-inc/dbos-sdk' | 'dbos-before';

/** A database with the tables of DBOS, and a reaper for it. */
export class DbosWorld extends QueueWorld {
  private constructor(
    public version: DbosVersion,
    readonly client: DBOSClient,
    ...world: [database: AppDatabase, schema: string, installed: MigrateResult]
  ) {
    super(...world);
  }

  static async of(version: DbosVersion, schema = 'dbos', maxAttempts?: number): Promise<DbosWorld> {
    const database = await createAppDatabase();
    const sdk = await load(version);
    await sdk.DBOS.migrate(database.url, { schemaName: schema });
    const client = await sdk.DBOSClient.create({
      systemDatabaseUrl: database.url,
      systemDatabaseSchemaName: schema,
      applicationName: 'app',
    });
    const installed = await this.install(database, 'dbos', {
      schema,
      ...(maxAttempts !== undefined && { max_attempts: String(maxAttempts) }),
    });
    return new DbosWorld(version, client, database, schema, installed);
  }

  override async end(): Promise<void> {
    await this.client.destroy();
    await super.end();
  }

  protected worker(): { command: string; env: Record<string, string> } {
    return { command: SCRIPT, env: { DBOS_SDK: this.version } };
  }

  async addJob(spec: JobSpec): Promise<string> {
    const { workflowID } = await this.client.enqueue(
      { workflowName: 'work', queueName: 'jobs', appVersion: 'test' },
      spec,
    );
    return workflowID;
  }

  async isDone(id: string): Promise<boolean> {
    return (await this.status(id))?.status === 'SUCCESS';
  }

  /** A workflow as DBOS's own API returns it. */
  async status(id: string): Promise<WorkflowStatus | undefined> {
    const [status] = await this.client.listWorkflows({ workflowIDs: [id] });
    return status;
  }

  /** Has a running workflow's row name another executor. */
  async rename(id: string, name: string): Promise<void> {
    await this.admin.query(
      `update ${this.table('workflow_status')} set executor_id = $2 where workflow_uuid = $1`,
      [id, name],
    );
  }
}

/** Loads a version of the package. */
export async function load(
  version: DbosVersion,
): Promise<{ DBOS: typeof DBOS; DBOSClient: typeof DBOSClient }> {
  return (await import(version)) as { DBOS: typeof DBOS; DBOSClient: typeof DBOSClient };
}
