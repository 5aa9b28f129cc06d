import { readBoots } from '../../db/boots.js';
import { readHostRuns } from '../../db/host-runs.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { bootsInDoubt, probeProcess, selectDriver } from '../../liveness/index.js';
import { fail, ok, warn, type Check, type DoctorContext, type Finding } from './check.js';

const SAMPLE = 1_000;

/** Checks that a probe here can judge every run of this host: the pid namespace and the stamps match. */
export const stampsCheck: Check = {
  name: 'stamps',
  needs: ['postgres', 'schema'],
  async run(context) {
    return [...(await checkHere(context)), ...(await checkElsewhere(context))];
  },
};

async function checkHere({ pool, settings }: DoctorContext): Promise<Finding[]> {
  const host = settings.REAPER_HOST;
  const expected = `runs of this host ("${host}") that a probe here can judge`;
  const items = await readHostRuns(pool, host, { limit: SAMPLE });
  if (items.length === 0)
    return [ok(expected, 'no job is running here; REAPER_HOST must be exactly as in the rows')];
  const driver = selectDriver().prepare(items.map(({ pid }) => pid));
  const sharedPidNamespace = settings.REAPER_SHARED_PID_NAMESPACE;
  const inDoubt = items.flatMap((run) =>
    bootsInDoubt(run, probeProcess(run, { sharedPidNamespace, driver }), driver),
  );
  const stamps = items.flatMap(({ processIdentity }) => processIdentity ?? []);
  const boots = await readBoots(pool, [...new Set(inDoubt)], stamps);
  const unknown = items.flatMap((run) => {
    const { state, evidence } = probeProcess(run, { sharedPidNamespace, driver, boots });
    return state === 'unknown' ? [`job ${run.jobId}: ${evidence}`] : [];
  });
  const unstamped = items.filter(({ processIdentity }) => processIdentity === null).length;
  const findings: Finding[] = [];
  if (unknown.length > 0) {
    findings.push(
      fail(
        expected,
        `${unknown.length} of ${items.length} are unknown (${unknown[0] ?? ''})`,
        'run the probe in the pid namespace of the launchers (a sidecar, or pid: host), and stamp runs: docs/identity.md',
      ),
    );
  }
  if (unstamped > 0) {
    findings.push(
      warn(
        'an identity stamp in each row',
        `${unstamped} of ${items.length} rows without one: a reused pid looks alive`,
        'stamp runs: docs/identity.md',
      ),
    );
  }
  return findings.length > 0 ? findings : [ok(expected, `all ${items.length}`)];
}

/** Checks which runs the probes of other hosts could not judge at the last sweep. */
async function checkElsewhere({ pool, settings }: DoctorContext): Promise<Finding[]> {
  const unknown = (await readLastSweep(pool))?.summary['unknownRuns'] ?? {};
  return Object.entries(unknown)
    .filter(([host]) => host !== settings.REAPER_HOST)
    .map(([host, runs]) =>
      fail(
        `runs of host "${host}" that its probe can judge`,
        `${String(runs)} are unknown`,
        'run job-reaper doctor there to find out why',
      ),
    );
}
