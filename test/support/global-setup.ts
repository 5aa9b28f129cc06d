import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@temporalio/client';
import { bundleWorkflowCode, NativeConnection } from '@temporalio/worker';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/db/migrate.js';
import { createDatabase, dropDatabase, startServers } from '../../servers/index.js';
import { ensureSearchAttributes } from '../../src/temporal/search-attributes.js';
import { bundleSource } from '../../src/worker/bundle.js';
import { createLogins } from './logins.js';
import { memoryFolder } from './memory-folder.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser URL of the test run's Postgres. */
    adminUrl: string;
    /** A migrated database to copy, by the adapter in it. */
    templates: { reference: string; minimal: string };
    temporalAddress: string;
    /** The workflows, bundled once for all tests. */
    bundlePath: string;
  }
}

/** In older versions everyone may create objects in schema public: testing that is up to the tests of doctor. */
async function asFromVersion15On(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query('revoke create on schema public from public');
  await client.end();
}

/** One Postgres, one Temporal and one bundle for all tests; each test has its own database and names. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startServers({
    log: (line) => console.log(line),
    postgres: { dir: await memoryFolder() },
  });
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-test-'));
  const { adminUrl } = servers.postgres;
  const suffix = process.pid.toString(36);
  const templates = { reference: `reaper_template_${suffix}`, minimal: `reaper_minimal_${suffix}` };
  try {
    for (const [adapter, name] of Object.entries(templates)) {
      const url = await createDatabase(adminUrl, name);
      await asFromVersion15On(url);
      await migrate(url, adapter);
    }
    await createLogins(adminUrl);
    const quiet = () => undefined;
    const logger = {
      log: quiet,
      trace: quiet,
      debug: quiet,
      info: quiet,
      warn: console.warn,
      error: console.error,
    };
    const { code } = await bundleWorkflowCode({ ...bundleSource, logger });
    const bundlePath = join(folder, 'workflow-bundle.js');
    await writeFile(bundlePath, code);

    const connection = await NativeConnection.connect({ address: servers.temporal.address });
    await ensureSearchAttributes(new Client({ connection, namespace: servers.temporal.namespace }));
    await connection.close();

    project.provide('adminUrl', adminUrl);
    project.provide('templates', templates);
    project.provide('temporalAddress', servers.temporal.address);
    project.provide('bundlePath', bundlePath);
  } catch (error) {
    await servers.stop();
    throw error;
  }
  return async () => {
    for (const name of Object.values(templates)) await dropDatabase(adminUrl, name);
    await servers.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
