import { rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Page, PAGE_MS } from './page.js';

// docs/queues/pg-boss.md as it stands.

const script = fileURLToPath(new URL(`./.pg-boss-${randomBytes(4).toString('hex')}.mjs`, import.meta.url));
let page: Page;

beforeAll(async () => {
  page = await Page.open('docs/queues/pg-boss.md', {
    prepare: async (line) => {
      await writeFile(script, line);
      return [process.execPath, script];
    },
    tables: `select from pgboss.queue where name = 'report'`,
    announces: false,
    addJob: async ({ admin }, seconds, maxAttempts) => {
      const { rows } = await admin.query<{ id: string }>(
        `insert into pgboss.job (name, data, retry_limit) values ('report', json_build_object('seconds', $1::integer), $2) returning id`,
        [seconds, maxAttempts - 1],
      );
      return rows[0]?.id ?? '';
    },
    reaped: (kept, tried, error) => {
      const job = { name: 'report', retry_count: 0, output: { value: { message: error } } };
      return [
        { ...job, id: kept, state: expect.stringMatching(/^(retry|active)$/) as unknown, retry_limit: 24 },
        { ...job, id: tried, state: 'failed', retry_limit: 0 },
      ];
    },
    running: `select count(*) from pgboss.job where state = 'active'`,
    done: `select count(*) from pgboss.job where state = 'completed' and name = 'report'`,
  });
});
afterAll(async () => {
  await page.close();
  await rm(script, { force: true });
});

it('leads from workers with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
