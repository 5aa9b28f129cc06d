import { readBoots } from '../../db/boots.js';
import { readHostRuns } from '../../db/host-runs.js';
import { readLastSweep } from '../../db/last-sweep.js';
import { bootsInDoubt, driverFor, probeProcess } from '../../liveness/index.js';
import { fail, ok, warn, type Check, type DoctorContext, type Finding } from './check.js';

const SAMPLE = 1_000;

interface Unknown {
  text: string;
  /** That of its stamp, if it is another one than this machine's. */
  boot: string | null;
}

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
  const driver = await driverFor(settings.REAPER_PROC).prepare(items);
  const sharedPidNamespace = settings.REAPER_SHARED_PID_NAMESPACE;
  const doubts = items.map((run) =>
    bootsInDoubt(run, probeProcess(run, { sharedPidNamespace, driver }), driver),
  );
  const stamps = items.flatMap(({ processIdentity }) => processIdentity ?? []);
  const boots = await readBoots(pool, [...new Set(doubts.flat())], stamps);
  const unknown = items.flatMap((run, index): Unknown[] => {
    const { state, evidence } = probeProcess(run, { sharedPidNamespace, driver, boots });
    // Two boots are in doubt where the stamp is not of this one.
    const [stamped = null, here] = doubts[index] ?? [];
    const boot = here === undefined ? null : stamped;
    return state === 'unknown' ? [{ text: `job ${run.jobId}: ${evidence}`, boot }] : [];
  });
  const unstamped = items.filter(({ processIdentity }) => processIdentity === null).length;
  const findings: Finding[] = [];
  for (const boot of new Set(unknown.map((run) => run.boot))) {
    const runs = unknown.filter((run) => run.boot === boot);
    findings.push(
      fail(
        expected,
        `${runs.length} of ${items.length} are unknown (${runs[0]?.text ?? ''})`,
        boot === null
          ? 'run the probe in the pid namespace of the launchers (a sidecar, or pid: host), and stamp runs: docs/identity.md'
          : `if that boot of this machine is over, run job-reaper boot-gone ${boot}; so that the next reboot proves it, run the probe in the machine's own pid namespace with the machine's /etc/machine-id: docs/identity.md`,
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
