import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../../src/paths.js';
import { freePort } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';
import { parseExposition, type Metric } from './exposition.js';
import { readPromql } from './promql.js';

/** Prometheus itself puts these on every sample that it scrapes. */
const OF_PROMETHEUS = ['job', 'instance'];

const name = `metrics-${randomBytes(6).toString('hex')}`;
let db: TestDatabase;
let client: Client;
let worker: WorkerProcess;
let port: number;
let page: Map<string, Metric>;

const scrape = async () => fetch(`http://127.0.0.1:${port}/metrics`);
const samples = (metric: string) => page.get(metric)?.samples ?? [];
const valueOf = (metric: string, labels: Record<string, string> = {}) =>
  samples(metric).find(
    (sample) =>
      sample.name === metric && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  )?.value;

/** Two reaped jobs, one job on a host without a probe, one with a foreign stamp, one without a host, one hold. */
beforeAll(async () => {
  db = await createTestDatabase();
  port = await freePort();
  client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
  const dead = startProcess();
  await insertRunningJob(db.admin, { id: 'dead', agent: 'developer', ...dead });
  await dead.kill();
  await insertRunningJob(db.admin, { id: 'exited', agent: null, attempts: 2, exitCode: 3, exitedS: 400 });
  await insertRunningJob(db.admin, { id: 'far', host: 'host-9' });
  await insertRunningJob(db.admin, { id: 'nowhere', host: null });
  const foreign = startProcess();
  const stamp = foreign.processIdentity.replace(/:(\d+):(\d+)$/, ':1:$2');
  await insertRunningJob(db.admin, { id: 'foreign', pid: foreign.pid, processIdentity: stamp });
  await db.reaper.query(`select reaper.put_hold('agent', 'tester', 'being repaired', 'ada', 600)`);
  worker = new WorkerProcess({
    REAPER_NAME: name,
    DATABASE_URL: db.reaperUrl,
    REAPER_ADMIN_ADDR: String(port),
  });
  await eventually('two claims and what the sweeps saw', async () => {
    const { rows } = await db.reaper.query<{ done: boolean }>(
      `select reaped_total = 2 and (last_sweep ->> 'running')::int = 3 and (last_sweep ->> 'number')::int > 1
              and hosts_without_probe ? 'host-9' as done
         from reaper.status`,
    );
    return rows[0]?.done;
  });
  // A workflow task that fails, so that the SDK counts it.
  await client.workflow.start('nobodyKnowsThis', { workflowId: `${name}/unknown`, taskQueue: name });
  await eventually('all that is counted', async () => {
    page = parseExposition(await (await scrape()).text());
    return page.has('temporal_workflow_task_execution_failed_total');
  });
});
afterAll(async () => {
  await worker.kill();
  await endProcesses();
  await terminateAll(client, name);
  await client.connection.close();
  await db.drop();
});

describe('the metrics page', () => {
  it('is in the text format that Prometheus expects, with each metric once', async () => {
    const answer = await scrape();
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const types = [...(await answer.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, metric]) => metric);
    expect(new Set(types).size).toBe(types.length);
  });

  it('has the numbers of the fleet', () => {
    expect(valueOf('job_reaper_running_jobs')).toBe(3);
    expect(valueOf('job_reaper_hosts_without_probe')).toBe(1);
    expect(valueOf('job_reaper_holds')).toBe(1);
    expect(valueOf('job_reaper_interval_seconds')).toBe(0.3);
    expect(valueOf('job_reaper_enabled')).toBe(1);
    expect(valueOf('job_reaper_paused')).toBe(0);
    expect(valueOf('job_reaper_reaped_total', { outcome: 'queued', tier: '1', agent: 'developer' })).toBe(1);
    expect(valueOf('job_reaper_reaped_total', { outcome: 'failed', tier: '2', agent: 'none' })).toBe(1);
    const counted = samples('job_reaper_reaped_total').filter(({ value }) => value > 0);
    expect(counted).toHaveLength(2);
    const unknown = new Map(
      samples('job_reaper_unknown_runs').map(({ labels, value }) => [labels['host'], value]),
    );
    expect(unknown).toEqual(
      new Map([
        ['host-1', 1],
        ['host-9', 1],
        ['none', 1],
      ]),
    );
  });

  it('has what this process did', () => {
    expect(valueOf('job_reaper_claims_total', { result: 'won' })).toBe(2);
    expect(valueOf('job_reaper_sweeps_total', { result: 'ok' })).toBeGreaterThan(0);
    const repairs = (suffix: string, tier: string) =>
      samples('job_reaper_repair_seconds').find(
        (sample) => sample.name.endsWith(suffix) && sample.labels['tier'] === tier,
      )?.value;
    expect(repairs('_count', '1')).toBe(1);
    expect(repairs('_sum', '1')).toBeGreaterThanOrEqual(0.3);
    expect(repairs('_count', '2')).toBe(1);
    expect(repairs('_sum', '2')).toBeGreaterThanOrEqual(400);
    expect(valueOf('job_reaper_reachable', { server: 'temporal' })).toBe(1);
    expect(valueOf('job_reaper_reachable', { server: 'postgres' })).toBe(1);
  });

  it("has the SDK's own metrics and those of the process", () => {
    expect(samples('temporal_num_pollers').map(({ labels }) => labels['task_queue'])).toContain(name);
    expect(valueOf('process_resident_memory_bytes')).toBeGreaterThan(0);
  });
});

const readDocs = () => readFile(join(packageRoot, 'docs', 'metrics.md'), 'utf8');

it('docs/metrics.md documents each of our metrics with its labels, and no others', async () => {
  const text = await readDocs();
  const documented = new Map(
    [...text.matchAll(/^\| `(job_reaper_\w+)`\s*\|([^|]*)\|/gm)].map(([, metric = '', labels = '']) => [
      metric,
      [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).sort(),
    ]),
  );
  const ours = [...page].filter(([metric]) => metric.startsWith('job_reaper_'));
  const labelsOf = ({ samples: all }: Metric) =>
    [...new Set(all.flatMap(({ labels }) => Object.keys(labels)))].filter((label) => label !== 'le').sort();
  expect(documented).toEqual(new Map(ours.map(([metric, found]) => [metric, labelsOf(found)])));
});

/** Checks that each metric in an expression was scraped, with each of its labels. */
function expectKnown(expression: string): void {
  const { metrics, labels } = readPromql(expression);
  expect(metrics.length, expression).toBeGreaterThan(0);
  const known = new Set(OF_PROMETHEUS);
  for (const metric of metrics) {
    const family = page.get(metric) ?? page.get(metric.replace(/_(bucket|sum|count)$/, ''));
    const found = family?.samples.filter((sample) => sample.name === metric) ?? [];
    expect(found.length, `${metric} in ${expression}`).toBeGreaterThan(0);
    for (const sample of found) for (const label of Object.keys(sample.labels)) known.add(label);
  }
  for (const label of labels) expect(known, `label ${label} in ${expression}`).toContain(label);
}

describe('the alert rules', () => {
  const byAlert = (a: { alert?: string | undefined }, b: { alert?: string | undefined }) =>
    (a.alert ?? '').localeCompare(b.alert ?? '');
  const rulesSchema = z.strictObject({
    groups: z.array(
      z.strictObject({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^JobReaper[A-Za-z]+$/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+[smh]$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
            annotations: z.strictObject({ summary: z.string(), description: z.string() }),
          }),
        ),
      }),
    ),
  });

  it('are valid for Prometheus and use existing metrics and labels', async () => {
    const text = await readFile(join(packageRoot, 'deploy', 'prometheus', 'alerts.yml'), 'utf8');
    const { groups } = rulesSchema.parse(parse(text));
    const rules = groups.flatMap((group) => group.rules);
    const documented = [...(await readDocs()).matchAll(/^\| `(JobReaper\w+)`\s*\| (\w+)/gm)];
    expect(documented.map(([, alert, severity]) => ({ alert, severity })).sort(byAlert)).toEqual(
      rules.map(({ alert, labels }) => ({ alert, severity: labels.severity })).sort(byAlert),
    );
    for (const { expr, annotations } of rules) {
      expectKnown(expr);
      // The aggregation must keep the labels that a template uses.
      const kept = readPromql(expr).labels;
      for (const [, label] of JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)) {
        expect(kept, expr).toContain(label);
      }
    }
  });
});

describe('the dashboard', () => {
  const gridPos = z.strictObject({ x: z.int(), y: z.int(), w: z.int(), h: z.int() });
  const datasource = z.strictObject({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
  const panelSchema = z.discriminatedUnion('type', [
    z.object({ type: z.literal('row'), id: z.int(), title: z.string(), gridPos }),
    z.object({
      type: z.enum(['stat', 'timeseries']),
      id: z.int(),
      title: z.string(),
      description: z.string().min(10),
      gridPos,
      datasource,
      fieldConfig: z.object({ defaults: z.object({ unit: z.string() }), overrides: z.array(z.never()) }),
      options: z.looseObject({}),
      targets: z
        .array(
          z.strictObject({
            refId: z.string().regex(/^[A-Z]$/),
            datasource,
            expr: z.string(),
            legendFormat: z.string(),
          }),
        )
        .min(1),
    }),
  ]);
  const dashboardSchema = z.object({
    title: z.literal('job-reaper'),
    uid: z.string().max(40),
    schemaVersion: z.int(),
    panels: z.array(panelSchema),
    templating: z.object({ list: z.array(z.looseObject({ name: z.string(), type: z.string() })) }),
  });

  it('can be imported by Grafana, has no overlapping panels and uses existing metrics and labels', async () => {
    const text = await readFile(join(packageRoot, 'deploy', 'grafana', 'job-reaper.json'), 'utf8');
    const { panels, templating } = dashboardSchema.parse(JSON.parse(text));
    expect(templating.list.map((variable) => variable.name)).toEqual(['datasource', 'job']);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
    const variables = new Set(['$datasource', '$job', '$__rate_interval', '$__range']);
    for (const panel of panels) {
      if (panel.type === 'row') continue;
      for (const { expr, legendFormat } of panel.targets) {
        expectKnown(expr);
        for (const [variable] of expr.matchAll(/\$\w+/g)) expect(variables).toContain(variable);
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect([...readPromql(expr).labels, ...OF_PROMETHEUS], expr).toContain(label);
        }
      }
    }
  });
});

// Last, because it cuts the worker off from Postgres.
it('reports what it can while Postgres does not answer', async () => {
  await db.admin.query('revoke select on reaper.status from reaper');
  page = parseExposition(await (await scrape()).text());
  expect(valueOf('job_reaper_reachable', { server: 'postgres' })).toBe(0);
  expect(page.has('job_reaper_running_jobs')).toBe(false);
  expect(page.has('job_reaper_reaped_total')).toBe(false);
  expect(valueOf('job_reaper_claims_total', { result: 'won' })).toBe(2);
});
