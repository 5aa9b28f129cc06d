import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DBOSClient } from '@dbos-inc/dbos-sdk';
import { afterAll, beforeAll, it } from 'vitest';
import { Page, PAGE_MS } from './page.js';

// docs/queues/dbos.md as it stands.

let page: Page;
let script: string;
let client: DBOSClient;

beforeAll(async () => {
  page = await Page.open('docs/queues/dbos.md', {
    prepare: async (line, { name, databaseUrl }) => {
      client = await DBOSClient.create({ systemDatabaseUrl: databaseUrl, applicationName: 'shop' });
      script = fileURLToPath(new URL(`./.${name}.mjs`, import.meta.url));
      await writeFile(script, line);
      return [process.execPath, script];
    },
    tables: `select from dbos.queues where name = 'reports'`,
    announces: false,
    addJob: async ({ admin }, seconds, maxAttempts) => {
      await admin.query('begin');
      const { workflowID } = await client.enqueueInTransaction(
        admin,
        { workflowName: 'report', queueName: 'reports' },
        seconds,
      );
      // There is a limit for all, not one for each: its last start is the next one.
      if (maxAttempts === 1 && seconds > 0)
        await admin.query(
          'update dbos.workflow_status set recovery_attempts = 100 where workflow_uuid = $1',
          [workflowID],
        );
      await admin.query('commit');
      return workflowID;
    },
    reaped: (kept, tried, error) => [
      { id: kept, name: 'report', status: 'ENQUEUED', recovery_attempts: '1', error },
      {
        id: tried,
        name: 'report',
        status: 'MAX_RECOVERY_ATTEMPTS_EXCEEDED',
        recovery_attempts: '101',
        error,
      },
    ],
    running: `select count(*) from dbos.workflow_status where status = 'PENDING'`,
    done: `select count(*) from dbos.workflow_status where status = 'SUCCESS'`,
  });
});

afterAll(async () => {
  await client.destroy();
  await page.close();
  await rm(script, { force: true });
});

it('leads from processes with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
