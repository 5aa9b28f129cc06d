import { readControl, type Control } from '../../db/control.js';
import { readFleet } from '../../db/fleet.js';
import { readHostState } from '../../db/host-state.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { explainRecordedState } from '../../db/server-state.js';
import { overdueAfterS } from '../../domain/overdue.js';
import { fail, ok, warn, type Check, type DoctorContext, type Finding } from './check.js';
import { polls, QUEUE_TYPE } from './pollers.js';

/** The maximum number of hosts that are checked, with one call to Temporal each. */
const HOST_LIMIT = 100;

/** Checks that a probe answers on every host with running jobs. */
export const probesCheck: Check = {
  name: 'probes',
  needs: ['postgres', 'schema', 'temporal', 'namespace'],
  async run(context) {
    const { hosts } = await readFleet(context.pool);
    if (hosts.length === 0) return [ok('a probe on each host with running jobs', 'no job is running')];
    const control = await readControl(context.pool);
    const sweep = await readLastSweep(context.pool);
    const failing = (sweep?.summary['hostsFailing'] ?? {}) as Record<string, string>;
    const findings = await Promise.all(
      hosts.slice(0, HOST_LIMIT).map((host) => checkHost(context, control, host, failing)),
    );
    if (hosts.length > HOST_LIMIT) {
      const rest = hosts.length - HOST_LIMIT;
      findings.push(
        warn(
          'a check of all hosts',
          `${rest} more were not checked`,
          'see job-reaper status for hosts without a probe',
        ),
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
      `it answers, but fails: ${cause}`,
      explainRecordedState(cause)?.todo ??
        'run job-reaper doctor there; the probe needs role reaper_probe, and REAPER_HOST exactly as in the rows',
    );
  }
  if (ageS !== null && ageS <= overdueAfterS(policy.intervalS)) {
    return ok(expected, `answered ${Math.max(0, Math.round(ageS))} s ago`);
  }
  if (await polls(await temporal(), namespace, names.probeQueue(host), QUEUE_TYPE.activity)) {
    return warn(
      expected,
      'one polls, but no recent sweep got its answer',
      'run job-reaper sweep and check again',
    );
  }
  if (gone !== null && (answeredAt === null || answeredAt <= gone.declaredAt))
    return ok(expected, `declared gone by ${gone.by}`);
  return fail(
    expected,
    'no worker polls its queue, so its runs are unknown',
    `run there: REAPER_HOST=${host} job-reaper worker --no-workflows; or, if the host will never return: job-reaper host-gone ${host}`,
  );
}
