import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/db/database.js';
import { migrate } from '../../src/db/migrate.js';
import { createPool } from '../../src/db/pool.js';
import { createDatabase, dropDatabase, type Servers } from '../../servers/index.js';
import type { Cleanup } from './cleanup.js';
import { createLogins, dropLogins, type Logins } from './logins.js';
import { writePipeline } from './pipeline.js';
import { createRepository } from './repository.js';
import { startTelegram, type Telegram } from './telegram.js';
import { terminateWorkflows } from './terminate-workflows.js';

/** What the demo's processes work with. */
export interface World {
  servers: Servers;
  /** REAPER_NAME, and the name of the database. */
  name: string;
  folder: string;
  logins: Logins;
  /** A bare git repository. */
  repository: string;
  signOffs: string;
  /** The folder of the merge leases. */
  leases: string;
  telegram: Telegram;
  /** The file for REAPER_PIPELINE. */
  pipeline: string;
  /** Connected as the owner of the queue. */
  admin: Database;
  /** Connected as role `reaper`. */
  operator: Database;
}

/**
 * Creates the demo's database with its logins, a git repository and a pipeline.
 *
 * @param branches the branches of the repository
 */
export async function createWorld(
  servers: Servers,
  branches: readonly string[],
  cleanup: Cleanup,
): Promise<World> {
  const name = `demo_${randomBytes(4).toString('hex')}`;
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-demo-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  const signOffs = join(folder, 'sign-offs');
  const leases = join(folder, 'leases');
  await Promise.all([mkdir(signOffs), mkdir(leases)]);
  const telegram = await startTelegram();
  cleanup.add(() => telegram.stop());
  const repository = await createRepository(folder, branches);
  const pipeline = await writePipeline(folder, { repository, signOffs });

  const { adminUrl, embedded } = servers.postgres;
  // An embedded server ends with everything in it.
  if (!servers.temporal.embedded) cleanup.add(() => terminateWorkflows(name));
  if (!embedded) cleanup.add(() => dropLogins(adminUrl, name));
  const databaseUrl = await createDatabase(adminUrl, name);
  if (!embedded) cleanup.add(() => dropDatabase(adminUrl, name));
  await migrate(databaseUrl, 'reference');
  const logins = await createLogins(databaseUrl, name);

  const admin = createPool(databaseUrl, { applicationName: 'job-reaper demo', max: 3 });
  cleanup.add(() => admin.end());
  const operator = createPool(logins.reaperUrl, { applicationName: 'job-reaper demo', max: 1 });
  cleanup.add(() => operator.end());
  return { servers, name, folder, logins, repository, signOffs, leases, telegram, pipeline, admin, operator };
}
