import { readControl, type Control } from '../../db/control.js';
import { readFleet } from '../../db/fleet.js';
import { readHostState } from '../../db/host-state.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { overdueAfterS } from '../../domain/overdue.js';
import { fail, ok, warn, type Check, type DoctorContext, type Finding } from './check.js';
import { polls, QUEUE_TYPE } from './pollers.js';

/** Hosts that are asked about, one question to Temporal each. */
const HOST_LIMIT = 100;

/** A probe answers on every host that running jobs name. */
export const probesCheck: Check = {
  name: 'probes',
  needs: ['postgres', 'schema', 'temporal', 'namespace'],
  async run(context) {
    const { hosts } = await readFleet(context.pool);
    if (hosts.length === 0) return [ok('a probe on each host of running jobs', 'no host: nothing runs')];
    const control = await readControl(context.pool);
    const sweep = await readLastSweep(context.pool);
    const failing = (sweep?.summary['hostsFailing'] ?? {}) as Record<string, string>;
    const findings = await Promise.all(
      hosts.slice(0, HOST_LIMIT).map((host) => checkHost(context, control, host, failing)),
    );
    if (hosts.length > HOST_LIMIT) {
      const rest = hosts.length - HOST_LIMIT;
      findings.push(
        warn('all hosts checked', `${rest} more were not`, 'see job-reaper status for hosts without a probe'),
      );
    }
    return findings;
  },
};

async function checkHost(
  { pool, temporal, namespace, names }: DoctorContext,
  { policy, now }: Control,
  host: string,
  failing: Partial<Record<string, string>>,
): Promise<Finding> {
  const expected = `a probe on host "${host}"`;
  const { answeredAt, gone, failing: reported } = await readHostState(pool, host);
  const ageS = answeredAt && (Date.parse(now) - answeredAt.getTime()) / 1000;
  const cause = reported ?? failing[host];
  if (cause !== undefined) {
    return fail(
      expected,
      `it answers and fails: ${cause}`,
      'run job-reaper doctor there; it needs role reaper_probe, and REAPER_HOST as the rows name it',
    );
  }
  if (ageS !== null && ageS <= overdueAfterS(policy.intervalS)) {
    return ok(expected, `answered ${Math.max(0, Math.round(ageS))} s ago`);
  }
  if (await polls(await temporal(), namespace, names.probeQueue(host), QUEUE_TYPE.activity)) {
    return warn(
      expected,
      'one polls, but no sweep has had its answer lately',
      'wait for a sweep: job-reaper sweep',
    );
  }
  if (gone !== null && (answeredAt === null || answeredAt <= gone.declaredAt))
    return ok(expected, `declared gone by ${gone.by}`);
  return fail(
    expected,
    'nobody polls its queue, so its runs are unknown',
    `there, start: REAPER_HOST=${host} job-reaper worker --no-workflows; or, if it is gone for good: job-reaper host-gone ${host}`,
  );
}
