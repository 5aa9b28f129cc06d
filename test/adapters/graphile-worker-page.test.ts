import { rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, it } from 'vitest';
import { Page, PAGE_MS } from './page.js';

// docs/queues/graphile-worker.md as it stands.

let page: Page;
let script: string;

beforeAll(async () => {
  page = await Page.open('docs/queues/graphile-worker.md', {
    prepare: async (line, { name }) => {
      script = fileURLToPath(new URL(`./.${name}.mjs`, import.meta.url));
      await writeFile(script, line);
      return [process.execPath, script];
    },
    tables: `select where to_regclass('graphile_worker.jobs') is not null`,
    announces: true,
    addJob: async ({ admin }, seconds, maxAttempts) => {
      const { rows } = await admin.query<{ id: string }>(
        `select id from graphile_worker.add_job('report', json_build_object('seconds', $1::integer), max_attempts := $2)`,
        [seconds, maxAttempts],
      );
      return rows[0]?.id ?? '';
    },
    reaped: (kept, tried, error) => {
      const job = { task_identifier: 'report', attempts: 1, last_error: error };
      return [
        { ...job, id: kept, max_attempts: 25 },
        { ...job, id: tried, max_attempts: 1 },
      ];
    },
    running: 'select count(*) from graphile_worker.jobs where locked_at is not null',
    // It deletes a job that has ended well: two are left.
    done: 'select 1 from graphile_worker.jobs having count(*) = 2',
  });
});

afterAll(async () => {
  await page.close();
  await rm(script, { force: true });
});

it('leads from workers with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
