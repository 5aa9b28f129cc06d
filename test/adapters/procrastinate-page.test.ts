import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Page, PAGE_MS } from './page.js';
import { installProcrastinate, runPython } from './procrastinate.js';

// docs/queues/procrastinate.md as it stands.

const packages = await installProcrastinate();

describe.skipIf(packages === null)('the page about Procrastinate (needs python3 and PyPI)', () => {
  let page: Page;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'job-reaper-page-'));
    page = await Page.open('docs/queues/procrastinate.md', {
      prepare: async (line, { databaseUrl }) => {
        await writeFile(join(folder, 'my_module.py'), line);
        await runPython(packages ?? '', databaseUrl, 'public', 'schema');
        const words = ['python3', '-m', 'procrastinate', '--app=my_module.app', 'worker', '--concurrency=5'];
        return ['env', `PYTHONPATH=${packages ?? ''}:${folder}`, ...words];
      },
      tables: `select where to_regclass('procrastinate_jobs') is not null`,
      announces: true,
      addJob: async ({ admin }, seconds, maxAttempts) => {
        const { rows } = await admin.query<{ id: string }>(
          `insert into procrastinate_jobs (queue_name, task_name, args, attempts)
           values ('default', 'report', jsonb_build_object('seconds', $1::integer), 25 - $2::integer) returning id`,
          [seconds, maxAttempts],
        );
        return rows[0]?.id ?? '';
      },
      reaped: (kept, tried, reason) => [
        { id: kept, task_name: 'report', status: 'todo', attempts: 1, reason },
        { id: tried, task_name: 'report', status: 'failed', attempts: 25, reason },
      ],
      running: `select count(*) from procrastinate_jobs where status = 'doing'`,
      done: `select count(*) from procrastinate_jobs where status = 'succeeded'`,
    });
  });
  afterAll(async () => {
    await page.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('leads from workers with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
});
