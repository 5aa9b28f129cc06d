import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import pg from 'pg';
import { parse } from 'yaml';
import {
  createDatabase,
  dropDatabase,
  findTemporalCli,
  freePort,
  startTemporal,
  type TemporalServer,
} from '../../servers/index.js';
import { kill, startCli, type RunningCli } from '../cli/support.js';
import { eventually } from '../support/wait.js';
import { expectNamespace } from './expect-namespace.js';
import { read } from './support.js';

// No container engine is needed: each service's own command with its own environment, on servers at other addresses.

interface Service {
  command: string[];
  environment: Record<string, string>;
  healthcheck: { test: string[] };
}

let services: Record<string, Service>;
let temporal: TemporalServer;
let temporalCli: string;
let databaseUrl: string;
let adminPort: number;
let worker: RunningCli | undefined;

beforeAll(async () => {
  const log = () => undefined;
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('TEMPORAL_A')),
  );
  temporalCli = await findTemporalCli({ log });
  temporal = await startTemporal({ log, env });
  databaseUrl = await createDatabase(inject('adminUrl'), `compose_${randomBytes(4).toString('hex')}`);
  adminPort = await freePort();
  services = (parse(await read('docker-compose.yml'), { merge: true }) as { services: typeof services })
    .services;
});

afterAll(async () => {
  if (worker) await kill(worker);
  await temporal.stop();
  await dropDatabase(inject('adminUrl'), new URL(databaseUrl).pathname.slice(1));
  await sql(inject('adminUrl'), 'drop role if exists job_reaper');
});

it('keeps histories for 30 days and registers the search attributes, also when it is run again', async () => {
  for (const name of ['namespace', 'search-attributes', 'namespace', 'search-attributes']) {
    await execa(temporalCli, service(name).command);
  }
  await expectNamespace(temporal.address);
});

it('migrates and makes the login, also when it is run again, and its worker sweeps', async () => {
  for (let times = 0; times < 2; times += 1) {
    const { code, stderr } = await startCli(service('migrate').command, service('migrate').environment).ended;
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const [, url = '', ...flags] = service('login').command;
    const command = flags.find((flag) => flag.startsWith('--command='));
    await sql(url, command?.slice('--command='.length) ?? '');
  }
  const { command, environment } = service('worker');
  worker = startCli(command, environment);
  await eventually('a sweep that found the host', async () => {
    const response = await fetch(`http://127.0.0.1:${adminPort}/status`);
    const status = (await response.json()) as { last_run_ts: number | null };
    return status.last_run_ts;
  });
  // Healthy by compose's own check.
  const [, program, ...args] = service('worker').healthcheck.test;
  expect(program).toBe('job-reaper');
  await eventually('the health check', async () => (await startCli(args, environment).ended).code === 0);
});

/** A service as compose would start it, but for where the others are. */
function service(name: string): Service {
  const { port, hostname, username, password } = new URL(databaseUrl);
  const place = (text: string) =>
    text
      .replaceAll('$$', '$')
      .replaceAll(/\$\{\w+:-(\w+)\}/g, '$1')
      .replaceAll('temporal:7233', temporal.address)
      .replace('postgres:postgres@', `${username}:${password}@`)
      .replace('@postgres:5432/jobs', `@${hostname}:${port}${new URL(databaseUrl).pathname}`)
      .replaceAll('9464', String(adminPort));
  return JSON.parse(place(JSON.stringify(services[name]))) as Service;
}

async function sql(url: string, statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statements);
  } finally {
    await client.end();
  }
}
