import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually } from '../../support/wait.js';
import { insertRunningJob } from '../../support/rows.js';
import { read } from '../support.js';
import { untilFiring, untilResolved } from './support/alerts.js';
import { Bench } from './support/bench.js';
import { FAULTS } from './support/faults.js';

// In a real Prometheus, which scrapes real workers.

it('has a fault for each alert', async () => {
  const { groups } = parse(await read('deploy/prometheus/alerts.yml')) as {
    groups: { rules: { alert: string }[] }[];
  };
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  expect(Object.keys(FAULTS).sort()).toEqual(alerts.sort());
});

describe.concurrent('fires for its cause, and is resolved by its cure', () => {
  it.for(Object.entries(FAULTS))('%s', async ([alert, fault], test) => {
    const bench = await Bench.of(test);
    const cure = await fault(bench);
    await untilFiring(bench.prometheus, alert);
    await cure();
    await untilResolved(bench.prometheus, alert);
  });
});

it('answers the query of every panel of the dashboard', async (test) => {
  const { panels } = JSON.parse(await read('deploy/grafana/job-reaper.json')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  const bench = await Bench.of(test);
  bench.worker();
  // One repair for each tier whose time is measured, one run that no probe can judge, and one workflow of an unknown type.
  await bench.world.killedJob('died');
  await insertRunningJob(bench.world.db.admin, { id: 'exited', exitCode: 1, exitedS: 600 });
  await insertRunningJob(bench.world.db.admin, { id: 'far', host: 'host-9' });
  const { client, name } = bench.world;
  await client.workflow.start('nobodyKnowsThis', { workflowId: `${name}/unknown`, taskQueue: name });
  await Promise.all([bench.world.requeued('died'), bench.world.requeued('exited')]);
  const targets = panels.flatMap(({ title, targets: all = [] }) => all.map(({ expr }) => ({ title, expr })));
  expect(targets.length).toBeGreaterThan(30);
  for (const { title, expr } of targets) {
    const query = expr
      .replaceAll('$job', '.*')
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$__range', '5m');
    await eventually(
      `an answer to ${query} of panel "${title}"`,
      async () => (await bench.prometheus.count(query)) > 0,
    );
  }
});
