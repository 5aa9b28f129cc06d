import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createDatabase, dropDatabase, freePort } from '../../servers/index.js';
import { eventually } from '../support/wait.js';
import { blocksOf, readPage, type Block } from './support.js';
import { Shell } from './shell.js';

// docs/quick-start.md as it stands, on other addresses and with short intervals.

const login = `quick_start_${randomBytes(4).toString('hex')}`;
let databaseUrl: string;
let admin: pg.Client;
let shell: Shell;
let folder: string;
let blocks: Block[];

beforeAll(async () => {
  databaseUrl = await createDatabase(inject('adminUrl'), login);
  admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  folder = await mkdtemp(join(tmpdir(), 'job-reaper-quick-start-'));
  const port = await freePort();
  shell = new Shell({
    REAPER_INTERVAL_S: '0.5',
    UP_FLAGS: `--port ${port} --ui-port ${await freePort()} --data ${folder}`,
    OUR_ADDRESS: `127.0.0.1:${port}`,
  });
  const { host, username, password, pathname } = new URL(databaseUrl);
  const page = (await readPage('docs/quick-start.md'))
    .replaceAll('postgres:postgres@127.0.0.1:5432/jobs', `${username}:${password}@${host}${pathname}`)
    .replaceAll('127.0.0.1:5432/jobs', `${host}${pathname}`)
    .replaceAll('job_reaper', login)
    .replaceAll(
      'job-reaper up\n',
      '$JOB_REAPER up $UP_FLAGS < /dev/null > /dev/null 2>&1 &\nUP=$!\nexport TEMPORAL_ADDRESS=$OUR_ADDRESS\n',
    );
  blocks = blocksOf(page).filter(({ text }) => !text.startsWith('npm '));
});

afterAll(async () => {
  await shell.end();
  await admin.end();
  await dropDatabase(inject('adminUrl'), login);
  const server = new pg.Client({ connectionString: inject('adminUrl') });
  await server.connect();
  await server.query(`drop role if exists ${login}`);
  await server.end();
  await rm(folder, { recursive: true, force: true });
});

it('leads to a job that is reaped and explained', async () => {
  const printed: string[] = [];
  const isThere = (sql: string) => async () => (await admin.query(sql)).rowCount !== 0;
  for (const { language, text } of blocks) {
    if (language === 'sql') {
      const [pid = '', stamp = ''] = (await shell.run('echo "$PID $STAMP"')).trim().split(' ');
      await admin.query(text.replace(':PID', pid).replace(':STAMP', stamp));
      continue;
    }
    if (text.includes('job-reaper ledger')) {
      await eventually('the claim', isThere('select from reaper.ledger'));
    }
    printed.push(await shell.run(text));
    if (text.includes('$JOB_REAPER up')) {
      await eventually('a sweep', isThere('select from reaper.last_sweep'));
    }
  }
  const all = printed.join('\n');
  expect(all).toContain('Adapter: reference. Mode: active.');
  expect(all).toMatch(/reaper .* active: dead runs are reaped/);
  expect(printed.at(-1)).toMatch(/first .* developer .* queued .* 1 .* dead pid=\d+/);
});
