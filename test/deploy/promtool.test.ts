import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { pathOf, read } from './support.js';

const RULES = 'deploy/prometheus/alerts.yml';
const STEP_S = 30;
const TO_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** When an alert's condition holds: the series that make it so, and those that end it. */
interface Condition {
  /** While it holds, as promtool writes a series: from its first value on. `_` is no value. */
  bad: Record<string, string>;
  /** After it has held for long enough. */
  good: Record<string, string>;
  /** Seconds until it holds, and until it holds no more, if not at once. */
  delayS?: number;
}

const gauge = (series: string, bad = 1): Condition => ({
  bad: { [series]: `${bad}+0` },
  good: { [series]: '0+0' },
});
const counter = (series: string): Condition => ({
  bad: { [series]: '0+1' },
  // The counter's last value does not matter: it starts again with its process.
  good: { [series]: '0+0' },
  delayS: 20 * 60,
});

const WORKER = 'job="x",instance="a"';

const CONDITIONS: Record<string, Condition> = {
  JobReaperAbsent: {
    bad: { [`job_reaper_info{${WORKER}}`]: '_' },
    good: { [`job_reaper_info{${WORKER}}`]: '1+0' },
  },
  JobReaperNoWorkflowWorker: {
    bad: { [`job_reaper_last_sweep_timestamp_seconds{${WORKER}}`]: '_', 'job_reaper_info{job="x"}': '1+0' },
    good: {
      [`job_reaper_last_sweep_timestamp_seconds{${WORKER}}`]: '1+0',
      'job_reaper_info{job="x"}': '1+0',
    },
  },
  // An interval of 15 s, so overdue after 60 s.
  JobReaperSweepsOverdue: {
    bad: {
      [`job_reaper_last_sweep_timestamp_seconds{${WORKER}}`]: '0+0',
      [`job_reaper_interval_seconds{${WORKER}}`]: '15+0',
    },
    good: {
      [`job_reaper_last_sweep_timestamp_seconds{${WORKER}}`]: '100000+0',
      [`job_reaper_interval_seconds{${WORKER}}`]: '15+0',
    },
    delayS: 90,
  },
  JobReaperUnreachable: {
    bad: { [`job_reaper_reachable{${WORKER},server="postgres"}`]: '0+0' },
    good: { [`job_reaper_reachable{${WORKER},server="postgres"}`]: '1+0' },
  },
  JobReaperNotificationsOwed: gauge(`job_reaper_notifications_oldest_owed_seconds{${WORKER}}`, 901),
  JobReaperClaimsFail: gauge(`job_reaper_claim_trouble{${WORKER},kind="locked"}`),
  JobReaperUnknownRuns: gauge(`job_reaper_unknown_runs{${WORKER},host="h"}`),
  JobReaperSweepsFail: counter(`job_reaper_sweeps_total{${WORKER},result="failed"}`),
  JobReaperManyReaps: counter(`job_reaper_claims_total{${WORKER},result="won"}`),
  JobReaperCrashBudget: counter(`job_reaper_crash_budget_total{${WORKER},outcome="failed"}`),
  JobReaperWorkflowTasksFail: counter(
    `temporal_workflow_task_execution_failed_total{${WORKER},workflow_type="w"}`,
  ),
  ...Object.fromEntries<Condition>(
    [
      ['JobReaperBraked', 'job_reaper_braked'],
      ['JobReaperHostWithoutProbe', 'job_reaper_hosts_without_probe'],
      ['JobReaperProbeFails', 'job_reaper_hosts_failing'],
      ['JobReaperRunsWait', 'job_reaper_waiting_runs'],
      ['JobReaperUnwatchableJobs', 'job_reaper_unwatchable_jobs'],
      ['JobReaperHostWarnings', 'job_reaper_host_warnings'],
      ['JobReaperChannelFails', 'job_reaper_failing_channels'],
      ['JobReaperLeaseTrouble', 'job_reaper_lease_trouble'],
      ['JobReaperPaused', 'job_reaper_paused'],
    ].map(([alert = '', metric = '']): [string, Condition] => [alert, gauge(`${metric}{${WORKER}}`)]),
  ),
};

const { failed: hasNoPromtool } = await execa('promtool', ['--version'], { reject: false });

it.skipIf(hasNoPromtool)('Prometheus can load the alerts (needs promtool)', async () => {
  await execa('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', pathOf(RULES)]);
});

it.skipIf(hasNoPromtool)(
  'each alert fires as soon as its condition has held for its time, not before, and ends with it (needs promtool)',
  async () => {
    const rules = await readRules();
    expect(Object.keys(CONDITIONS).sort()).toEqual([...rules.keys()].sort());
    const tests = [...rules].map(([alert, forS]) => testOf(alert, forS));
    await expectPasses(tests);
    // They would notice other times.
    const [alert = '', forS = 0] = [...rules].find(([, seconds]) => seconds >= 300) ?? [];
    await expect(expectPasses([testOf(alert, forS + 120)])).rejects.toThrow('FAILED');
    await expect(expectPasses([testOf(alert, forS - 120)])).rejects.toThrow('FAILED');
  },
);

/** Each alert, and for how many seconds its condition has to hold. */
async function readRules(): Promise<Map<string, number>> {
  const { groups } = parse(await read(RULES)) as { groups: { rules: { alert: string; for?: string }[] }[] };
  return new Map(
    groups.flatMap(({ rules }) =>
      rules.map(({ alert, for: duration = '0s' }): [string, number] => [
        alert,
        parseInt(duration, 10) * (TO_SECONDS[duration.slice(-1)] ?? NaN),
      ]),
    ),
  );
}

/** A test of promtool: the alert fires after its time, not before, and no more once its condition has ended. */
function testOf(alert: string, forS: number): object {
  const { bad, good, delayS = 0 } = CONDITIONS[alert] ?? { bad: {}, good: {} };
  const badSteps = Math.ceil((delayS + forS + 120) / STEP_S);
  const goodSteps = Math.ceil((delayS + 600) / STEP_S);
  const firing = (atS: number, count: number) => ({
    expr: `count(ALERTS{alertstate="firing", alertname="${alert}"}) or vector(0)`,
    eval_time: `${atS}s`,
    exp_samples: [{ labels: '{}', value: count }],
  });
  // How soon an increase is large enough depends on its window, so only a condition without one has a last moment before.
  const before = delayS > 90 || forS + delayS === 0 ? [] : [firing(delayS + forS - STEP_S, 0)];
  return {
    interval: `${STEP_S}s`,
    input_series: Object.entries(bad).map(([series, values]) => ({
      series,
      values: `${values}x${badSteps} ${good[series] ?? ''}x${goodSteps}`,
    })),
    promql_expr_test: [
      ...before,
      firing(delayS + forS + STEP_S, 1),
      firing((badSteps + goodSteps) * STEP_S, 0),
    ],
  };
}

async function expectPasses(tests: object[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-promtool-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'tests.yml');
  // JSON is YAML, too.
  await writeFile(
    file,
    JSON.stringify({ rule_files: [pathOf(RULES)], evaluation_interval: `${STEP_S}s`, tests }),
  );
  const { failed, all } = await execa('promtool', ['test', 'rules', file], { all: true, reject: false });
  if (failed) throw new Error(all);
}
