import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { buildGo, hasGo, readTokenRecipe } from './go.js';
import { Page, PAGE_MS } from './page.js';
import { buildRiver, runRiver } from './river-world.js';

// docs/queues/river.md as it stands.

describe.skipIf(!hasGo)('the page about River (needs go)', () => {
  let page: Page;

  beforeAll(async () => {
    page = await Page.open('docs/queues/river.md', {
      prepare: async (line, { databaseUrl }) => {
        await runRiver(await buildRiver('current'), databaseUrl, 'public', 'migrate');
        const module = join(packageRoot, 'test/adapters/river/current');
        return [await buildGo(module, { 'main.go': line, 'token.go': await readTokenRecipe() })];
      },
      tables: `select where to_regclass('river_job') is not null`,
      announces: false,
      addJob: async ({ admin }, seconds, maxAttempts) => {
        const { rows } = await admin.query<{ id: string }>(
          `insert into river_job (kind, args, max_attempts) values ('report', json_build_object('seconds', $1::integer), $2) returning id`,
          [seconds, maxAttempts],
        );
        return rows[0]?.id ?? '';
      },
      reaped: (kept, tried, error) => [
        { id: kept, kind: 'report', state: 'available', attempt: 1, max_attempts: 25, error },
        { id: tried, kind: 'report', state: 'discarded', attempt: 1, max_attempts: 1, error },
      ],
      running: `select count(*) from river_job where state = 'running'`,
      done: `select count(*) from river_job where state = 'completed'`,
    });
  });
  afterAll(() => page.close());

  it('leads from clients with the line to an activated reaper, and back', () => page.follow(), PAGE_MS);
});
