import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { compile, installPacked, writeSources, type Project } from './install.js';

const INSTALL_LIMIT_MS = 10 * 60_000;

let project: Project | null;
/** Undefined, or why its sources do not compile. */
let compiled: unknown;

beforeAll(async () => {
  project = await installPacked();
  if (project === null) return;
  await writeSources(project);
  compiled = await compile(project).catch((error: unknown) => error);
}, INSTALL_LIMIT_MS);
afterAll(async () => {
  if (project !== null) await rm(project.folder, { recursive: true, force: true });
});
beforeEach(({ skip }) => {
  if (project === null) skip('npm has no network, and not all that the package needs in its cache');
});

const folder = () => project?.folder ?? '';

describe('the packed package', () => {
  it('type-checks in a strict project, with every door, down to the declarations that it installs', () => {
    expect(compiled).toBeUndefined();
  });

  it('contains what it needs to run, and nothing else', async () => {
    const files = project?.packed ?? [];
    for (const needed of [
      'dist/src/cli.js',
      'dist/src/index.d.ts',
      'dist/workflow-bundle.js',
      'dist/workflow-bundle-codec.js',
      'sql/grants.sql',
      'LICENSE',
    ]) {
      expect(files).toContain(needed);
    }
    // No source maps without their sources, and of what is built only the package.
    expect(files.filter((file) => !/^(dist\/src\/.*\.(js|d\.ts)|sql\/.*\.sql)$/.test(file)).sort()).toEqual([
      'LICENSE',
      'README.md',
      'dist/workflow-bundle-codec.js',
      'dist/workflow-bundle.js',
      'package.json',
      'tools/temporal-cli/download.mjs',
      'tools/temporal-cli/go.mod',
      'tools/temporal-cli/go.sum',
    ]);
    const bundle = await readFile(join(packageRoot, 'dist', 'workflow-bundle.js'), 'utf8');
    const [code = '', map = ''] = bundle.split(
      '//# sourceMappingURL=data:application/json;charset=utf-8;base64,',
    );
    expect(code).not.toContain(packageRoot);
    const { sources, sourcesContent } = JSON.parse(Buffer.from(map, 'base64').toString()) as {
      sources: string[];
      sourcesContent?: unknown;
    };
    expect(sources).toContain('./dist/src/workflows/job-reaper.js');
    expect(sources.filter((source) => source.includes(packageRoot))).toEqual([]);
    expect(sourcesContent).toBeUndefined();
  });

  it('has a working command', async () => {
    const bin = join(folder(), 'node_modules', '.bin', 'job-reaper');
    const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect((await execa(bin, ['--version'])).stdout).toBe(version);
    expect((await execa(bin, ['identity', String(process.pid)])).stdout).toMatch(/^(linux|ps):/);
  });

  it('exports what the documentation names, and nothing else', async () => {
    const exportsOf = async (module: string) => {
      const script = `console.log(JSON.stringify(Object.keys(await import('${module}')).sort()))`;
      const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: folder(),
      });
      return JSON.parse(stdout) as unknown;
    };
    expect(await exportsOf('job-reaper')).toEqual([
      'GateNotAsked',
      'PipelineError',
      'ReaperClient',
      'SearchAttributesError',
      'SettingsError',
      'StuckError',
      'createActivities',
      'createReaperWorker',
      'payloadConverterPath',
      'readSettings',
      'workflowsPath',
    ]);
    expect(await exportsOf('job-reaper/launcher')).toEqual([
      'LeaseError',
      'acquireLease',
      'probeProcess',
      'processIdentity',
      'releaseLease',
      'renewLease',
    ]);
    expect(await exportsOf('job-reaper/stamp')).toEqual(['announce', 'processToken', 'sessionName']);
    expect(await exportsOf('job-reaper/workflows')).toEqual(['jobReaper', 'watchHost', 'watchJob']);
  });
});

it('docs/library.md shows the examples as they are', async () => {
  const docs = await readFile(join(packageRoot, 'docs', 'library.md'), 'utf8');
  for (const file of await readdir(join(packageRoot, 'examples'))) {
    const code = await readFile(join(packageRoot, 'examples', file), 'utf8');
    expect(docs).toContain(`<!-- examples/${file} -->\n\n\`\`\`ts\n${code}\`\`\``);
  }
});

describe('the examples', () => {
  const children: ChildProcess[] = [];
  let db: TestDatabase;
  let client: Client;
  let env: Record<string, string>;

  beforeEach(async () => {
    db = await createTestDatabase();
    client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
    env = {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: db.reaperUrl,
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      REAPER_NAME: `package-${randomBytes(5).toString('hex')}`,
      REAPER_HOST: 'host-1',
      REAPER_INTERVAL_S: '0.5',
      REAPER_FINALIZE_GRACE_S: '1',
    };
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await terminateAll(client, env['REAPER_NAME'] ?? '');
    await client.connection.close();
    await db.drop();
  });

  function run(example: string): { child: ChildProcess; output: () => string } {
    const child = spawn(process.execPath, [`${example}.js`], {
      cwd: folder(),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    return { child, output: () => output };
  }

  it('worker.ts asks its own gate, calls its own notifier, and ends at SIGTERM', async () => {
    const pipeline = {
      stages: [
        {
          name: 'development',
          agent: 'developer',
          gate: { kind: 'function', name: 'approved' },
          next: 'done',
        },
        { name: 'done' },
      ],
    };
    env['REAPER_PIPELINE'] = join(folder(), 'pipeline.json');
    await writeFile(env['REAPER_PIPELINE'], JSON.stringify(pipeline));
    await insertRunningJob(db.admin, {
      id: 'good',
      agent: 'developer',
      stage: 'development',
      exitCode: 0,
      exitedS: 60,
    });
    await insertRunningJob(db.admin, { id: 'bad', attempts: 2, exitCode: 3, exitedS: 60 });
    const { child, output } = run('worker');
    await eventually(
      'both claims',
      () => /job good .* reaped -> done \(exit0, gate green\)/.test(output()),
      90_000,
    );
    await eventually('the notification', () => output().includes('notification: failed: 🚨 reaper: job bad'));
    await eventually('it to be settled', async () => {
      const { rows } = await db.admin.query<{ as: string }>(
        'select settled_as as as from reaper.notification',
      );
      return rows[0]?.as === 'sent';
    });
    const { rows } = await db.admin.query<{ reason: string }>(
      `select evidence -> 'gate' ->> 'reason' as reason from reaper.ledger where job_id = 'good'`,
    );
    expect(rows).toEqual([{ reason: 'work item W-1' }]);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect(child.exitCode, output()).toBe(0);
  });

  it('mounted.ts serves a reaper that operator.ts starts, pauses and queries', async () => {
    const { output } = run('mounted');
    const operator = run('operator');
    await once(operator.child, 'close');
    expect(operator.output(), output()).toContain('paused by deploy script');
    expect(operator.output()).toContain('swept 0 running jobs');
    expect(operator.output()).toContain('builder-3 is gone, with 0 runs');
    expect(operator.output()).toContain('Job 4711 is unknown');
    expect(operator.child.exitCode).toBe(0);
    await insertRunningJob(db.admin, { id: 'dead', exitCode: 3, exitedS: 60 });
    await eventually('a claim', async () => (await readJob(db.admin, 'dead'))['status'] === 'queued');
  });

  it('launcher.ts prints a stamp and holds a lease', async () => {
    env['MERGE_LEASE_DIR'] = folder();
    const { child, output } = run('launcher');
    await once(child, 'close');
    expect(output()).toMatch(/^stamp (linux|ps):.*\nalive: .*as stamped\nmerging\n$/);
  });
});
