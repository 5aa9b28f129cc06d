import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { Page, PAGE_MS } from './page.js';
import { addSolidJob, createSolidQueueTables, hasRubyPg, SOLID_WORKER } from './solid-queue.js';

// docs/queues/solid-queue.md as it stands, with a stand-in for Solid Queue itself.

describe.skipIf(!hasRubyPg)('the page about Solid Queue (needs ruby with pg)', () => {
  let page: Page;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'job-reaper-page-'));
    page = await Page.open('docs/queues/solid-queue.md', {
      prepare: async (line, { admin }) => {
        await createSolidQueueTables(admin, 'public');
        const file = join(folder, 'solid_queue.rb');
        await writeFile(file, line);
        const env = Object.entries({ ...SOLID_WORKER.env, LINE: file, SCHEMA: 'public', CONCURRENCY: '5' });
        return ['env', ...env.map(([name, value]) => `${name}=${value}`), ...SOLID_WORKER.command];
      },
      tables: `select where to_regclass('solid_queue_jobs') is not null`,
      announces: false,
      addJob: async ({ admin }, seconds, maxAttempts) => {
        const id = await addSolidJob(admin, 'public', { ...(seconds > 0 && { hangs: 2 }) });
        // Lost twice before: it has one attempt left of three.
        if (maxAttempts === 1 && seconds > 0) {
          await admin.query(
            `insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id)
             select $1, 'before-' || n, 'queued', 1, 'before', '{}', 'test', 'test' from generate_series(1, 2) n`,
            [id],
          );
        }
        return id;
      },
      reaped: (kept, tried, reason) => [
        { id: kept, class_name: 'Work', outcome: 'queued', reason, error: null },
        { id: tried, class_name: 'Work', outcome: 'queued', reason: 'before', error: reason },
        { id: tried, class_name: 'Work', outcome: 'queued', reason: 'before', error: reason },
        { id: tried, class_name: 'Work', outcome: 'failed', reason, error: reason },
      ],
      running: `select count(*) from solid_queue_claimed_executions`,
      done: `select count(*) from solid_queue_jobs where finished_at is not null`,
    });
    await page.admin.query(
      'create table public.noted (id bigint generated always as identity, what text, job_id text, pid bigint)',
    );
  });
  afterAll(async () => {
    await page.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('leads from workers with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
});
