import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { createObanTables, hasElixir, PRODUCER, RECIPE } from './oban.js';
import { Page, PAGE_MS } from './page.js';

// docs/queues/oban.md as it stands, with a stand-in for Oban itself.

describe.skipIf(!hasElixir)('the page about Oban (needs elixir and psql)', () => {
  let page: Page;

  beforeAll(async () => {
    page = await Page.open('docs/queues/oban.md', {
      prepare: async (line, { admin }) => {
        await createObanTables(admin, 'public');
        await promisify(execFile)('elixir', ['-e', 'Code.string_to_quoted!(hd(System.argv()))', line]);
        const env = [`RECIPE=${RECIPE}`, 'SCHEMA=public', 'CONCURRENCY=5'];
        return ['env', ...env, ...PRODUCER];
      },
      tables: `select where to_regclass('oban_jobs') is not null`,
      announces: false,
      addJob: async ({ admin }, seconds, maxAttempts) => {
        const { rows } = await admin.query<{ id: string }>(
          `insert into oban_jobs (worker, args, max_attempts) values ('Report', jsonb_build_object('hangs', $1::integer > 0), $2) returning id`,
          [seconds, maxAttempts],
        );
        return rows[0]?.id ?? '';
      },
      reaped: (kept, tried, error) => [
        { id: kept, worker: 'Report', state: 'available', attempt: 1, max_attempts: 25, error },
        { id: tried, worker: 'Report', state: 'discarded', attempt: 1, max_attempts: 1, error },
      ],
      // After the first run, its jobs end at once.
      running: `select count(*) from oban_jobs where attempt = 2`,
      done: `select count(*) from oban_jobs where state = 'completed' and max_attempts = 1`,
    });
    await page.admin.query(
      'create table public.noted (id bigint generated always as identity, what text, job_id text, pid bigint)',
    );
  });
  afterAll(() => page.close());

  it('leads from nodes with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
});
